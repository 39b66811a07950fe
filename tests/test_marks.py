"""What a delivery leaves in the tables: itself, its pages' marks, and which mark it waits for."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import deliveries, delivery_pages, pages
from fbsync.page import PageId
from fbsync.webhook import Delivery, VerifiedBody

ONE, TWO = PageId("1"), PageId("2")


def delivery(text: str, *page_ids: PageId) -> Delivery:
    digest = hashlib.sha256(text.encode()).hexdigest()
    received_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Delivery(digest, VerifiedBody(text.encode()), page_ids, received_at)


@pytest.fixture
def inbox(database: Database) -> DatabaseInbox:
    return DatabaseInbox(database, lambda: 5000.0)


def links(database: Database) -> list[tuple[str, int]]:
    query = select(delivery_pages.c.page_id, delivery_pages.c.mark)
    with database.read() as connection:
        found = connection.execute(query.order_by(*delivery_pages.primary_key))
        return [(row.page_id, row.mark) for row in found]


def test_each_distinct_delivery_raises_its_pages_by_one(
    database: Database, inbox: DatabaseInbox
) -> None:
    inbox.record([delivery("a", ONE, TWO), delivery("b", ONE), delivery("b", ONE)])
    assert {claim.page_id: claim.marks for claim in inbox.claim(50)} == {ONE: 2, TWO: 1}
    assert inbox.status().events == 3


def test_a_delivery_waits_for_the_mark_that_its_batch_raised(
    database: Database, inbox: DatabaseInbox
) -> None:
    inbox.record([delivery("a", ONE)])
    inbox.record([delivery("b", ONE, TWO)])
    assert sorted(links(database)) == [("1", 1), ("1", 2), ("2", 1)]


def test_a_copy_waits_for_the_mark_that_it_raised(database: Database, inbox: DatabaseInbox) -> None:
    inbox.record([delivery("a", ONE)])
    inbox.record([delivery("a", ONE)])
    assert links(database) == [("1", 2)]


def test_a_copy_of_a_dead_letter_that_names_a_page_by_now_is_dead_no_more(
    database: Database, inbox: DatabaseInbox
) -> None:
    alive = delivery("a", ONE)
    inbox.record([replace(alive, page_ids=(), fault="It names no page.")])
    inbox.record([alive])
    with database.read() as connection:
        row = connection.execute(select(deliveries)).one()
    assert (row.copies, row.page_ids, row.fault) == (2, '["1"]', None)
    assert links(database) == [("1", 1)]


def test_a_page_knows_the_newest_event_and_since_when_it_waits(
    database: Database, inbox: DatabaseInbox
) -> None:
    inbox.record([delivery("a", ONE)])
    newest = delivery("b", ONE)
    inbox.record([newest])
    inbox.mark([ONE], "sync")
    (claim,) = inbox.claim(50)
    assert claim.event == newest.id == newest.digest[:16]
    with database.read() as connection:
        row = connection.execute(select(pages)).one()
    assert (row.waiting_since, row.last_event_at) == (5000.0, 5000.0)
