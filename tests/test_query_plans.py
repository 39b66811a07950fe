"""The queries that run again and again use an index, on both databases, however much waits."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text

from fbsync.database.departures import Departures
from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.moving_pages import MovingPages
from fbsync.database.put_off import hurry
from fbsync.page import PageId
from fbsync.webhook import Delivery, VerifiedBody

PAGES = 5_000


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, sql: str, parameters: Any, *_: object) -> None:
        seen.append((sql, parameters))

    event.listen(database._engine, "before_cursor_execute", note)
    yield seen
    event.remove(database._engine, "before_cursor_execute", note)


def plan_of(database: Database, sql: str, parameters: Any) -> str:
    explain = "explain query plan " if database.is_sqlite else "explain (format json) "
    with database.read() as connection:
        rows = connection.exec_driver_sql(explain + sql, parameters).all()
    return json.dumps([list(row) for row in rows], default=str)


@pytest.fixture
def full_inbox(database: Database) -> DatabaseInbox:
    """Of many pages that wait, most of them parked or done, as in a life of some length."""
    inbox = DatabaseInbox(database)
    inbox.mark([PageId(str(number)) for number in range(1, PAGES + 1)], "webhook")
    with database.write() as connection:
        connection.execute(text("update pages set done = marks where length(page_id) = 4"))
    if not database.is_sqlite:
        with database.write() as connection:
            connection.execute(text("analyze pages"))
    return inbox


def test_a_claim_walks_the_index_of_due_pages(
    database: Database, full_inbox: DatabaseInbox
) -> None:
    with statements(database) as seen:
        assert len(full_inbox.claim(50)) == 50
    looks, claim = [(sql, given) for sql, given in seen if sql.lstrip().startswith("SELECT")]
    assert "pages_look_again" in plan_of(database, *looks)
    plan = plan_of(database, *claim)
    assert "pages_waiting" in plan
    assert "TEMP B-TREE" not in plan
    assert '"Sort"' not in plan


def trigger_of(database: Database, heard: Delivery) -> list[str]:
    """The statements by which a recording's trigger takes this delivery in."""
    with database.read() as connection:
        query = "select sql from sqlite_temp_master where type = 'trigger'"
        body = str(connection.exec_driver_sql(query).scalar_one()).partition("begin")[2]
    given = {"digest": heard.digest, "page_ids": json.dumps(heard.page_ids)}
    for name, value in given.items():
        body = body.replace(f"new.{name}", f"'{value}'")
    return body.split(";")


def test_a_recording_finds_its_rows_by_index(database: Database, full_inbox: DatabaseInbox) -> None:
    body = VerifiedBody(b"{}")
    heard = Delivery("d", body, (PageId("1"), PageId("2")), datetime.now(UTC))
    with statements(database) as seen:
        full_inbox.record([heard])
    if database.is_sqlite:
        seen = [(sql, ()) for sql in trigger_of(database, heard)]
    (linking,) = (each for each in seen if "into delivery_pages" in each[0])
    assert "SCAN pages" not in (plan := plan_of(database, *linking))
    assert "SCAN deliveries" not in plan
    assert "Index" in plan or "INDEX" in plan


def test_a_renewal_touches_only_the_pages_in_hand(
    database: Database, full_inbox: DatabaseInbox
) -> None:
    (claim, *_) = full_inbox.claim(50)
    with statements(database) as seen:
        assert len(full_inbox.renew(claim.lease)) == 50
    sent = [one for one in seen if one[0].lstrip().startswith(("SELECT", "UPDATE"))]
    assert len(sent) == 2
    for one in sent:
        assert "pages_leased" in plan_of(database, *one)


def test_a_sync_asks_an_index_which_pages_move(
    database: Database, full_inbox: DatabaseInbox
) -> None:
    with statements(database) as seen:
        assert MovingPages(database).after("", 50) == []
    ((query, given),) = [(sql, given) for sql, given in seen if "moves" in sql]
    assert "pages_that_move" in plan_of(database, query, given)


def test_a_sync_asks_indexes_which_pages_were_put_off_or_lost_their_last_token(
    database: Database, full_inbox: DatabaseInbox
) -> None:
    with statements(database) as seen:
        hurry(database, None)
        assert Departures(database, "secret").pages_left() == []
    looks = [(sql, given) for sql, given in seen if "FROM pages" in sql]
    assert len(looks) == 2
    assert "pages_waiting" in plan_of(database, *looks[0])
    assert "pages_parked" in plan_of(database, *looks[1])
