"""A batch that is recorded: the same rows are left, however the database takes it in."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event, select

from fbsync.database import recording
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.mark_statements import MOST_ROWS
from fbsync.database.schema import deliveries, delivery_pages, pages
from fbsync.page import PageId
from fbsync.webhook import Delivery, VerifiedBody

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")


def delivery(text: str, *page_ids: PageId, fault: str | None = None) -> Delivery:
    digest = hashlib.sha256(text.encode()).hexdigest()
    received_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Delivery(digest, VerifiedBody(text.encode()), page_ids, received_at, fault)


DEAD = delivery("dead", fault="It names no page.")
BATCHES = (
    ([delivery("a", ONE, TWO), delivery("b", THREE), delivery("b", THREE)], 5000.0),
    ([delivery("a", ONE, TWO), DEAD, delivery("c", THREE)], 6000.0),
)
"""With the times of their recording; in each, a page is named by one body alone."""


def rows(database: Database) -> Sequence[object]:
    """All that two recordings leave, without the numbers that a database gives to its rows."""
    told = select(
        deliveries.c.digest,
        deliveries.c.body,
        deliveries.c.page_ids,
        deliveries.c.received_at,
        deliveries.c.copies,
        deliveries.c.fault,
    ).order_by(deliveries.c.digest)
    links = (
        select(deliveries.c.digest, delivery_pages.c.page_id, delivery_pages.c.mark)
        .join(delivery_pages, delivery_pages.c.delivery_id == deliveries.c.id)
        .order_by(deliveries.c.digest, delivery_pages.c.page_id)
    )
    with database.read() as connection:
        marked = connection.execute(select(pages).order_by(pages.c.page_id)).all()
        return [connection.execute(told).all(), connection.execute(links).all(), marked]


@contextmanager
def statements_of(database: Database) -> Iterator[list[str]]:
    """What SQLite itself is asked to do."""
    seen: list[str] = []

    def watch(connection: object, *_: object) -> None:
        connection.set_trace_callback(seen.append)  # type: ignore[attr-defined]  # sqlite3's own

    event.listen(database._engine, "checkout", watch)
    yield seen
    event.remove(database._engine, "checkout", watch)


def test_sqlite_takes_it_in_by_a_statement_that_is_its_own_transaction(tmp_path: Path) -> None:
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
        inbox = DatabaseInbox(database)
        with statements_of(database) as seen:
            inbox.record(BATCHES[0][0])
            assert seen[0].startswith("insert into recording ")
            assert {text.split()[0] for text in seen} == {"insert"}  # its trigger's are seen, too
            inbox.claim(50)
        assert "BEGIN" in {text.split()[0] for text in seen}


def test_by_itself_or_beside_others_it_leaves_the_same_rows(
    tmp_path: Path, postgresql_database: Database
) -> None:
    """The three statements are the reference; on both databases."""
    found = []
    with closing(Database(sqlite_url(tmp_path / "alone.sqlite3"))) as alone:
        for batch, now in BATCHES:
            DatabaseInbox(alone, lambda at=now: at).record(batch)  # type: ignore[misc]
        found.append(rows(alone))
    with closing(Database(sqlite_url(tmp_path / "joined.sqlite3"))) as joined:
        for batch, now in BATCHES:
            with joined.write() as connection:
                for text, values in recording.statements(batch, now):
                    connection.exec_driver_sql(text, values)
        found.append(rows(joined))
    with closing(Database(sqlite_url(tmp_path / "kept.sqlite3"))) as kept:
        for database in (kept, postgresql_database):
            for batch, now in BATCHES:
                with database.write() as connection:
                    recording.keep(connection, batch, now)
            found.append(rows(database))
    assert found[0] == found[1] == found[2] == found[3]
    marks = {row.page_id: (row.marks, row.waiting_since) for row in found[0][2]}  # type: ignore[attr-defined]
    assert marks == {"1": (2, 5000.0), "2": (2, 5000.0), "3": (2, 5000.0)}


@pytest.mark.parametrize("count", [MOST_ROWS, 2 * MOST_ROWS + 1])
def test_a_large_batch_is_recorded_wholly(database: Database, count: int) -> None:
    inbox = DatabaseInbox(database)
    inbox.record([delivery(str(number), ONE) for number in range(count)])
    (claim,) = inbox.claim(50)
    assert (claim.marks, inbox.status().deliveries) == (count, count)
