"""A database of schema 3, with rows in it, goes on with this version."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect, make_url

from fbsync.database.engine import Database, sqlite_file
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.partial_indexes import PARTIAL_INDEXES
from fbsync.database.schema import SCHEMA_NUMBER, metadata, page_accesses, schema
from fbsync.field_list import FieldList
from fbsync.page import PageId
from fbsync.ports import LastStored
from fbsync.webhook import Delivery, VerifiedBody

SAMPLES = Path(__file__).parent / "samples"
ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = """
insert into fbsync_schema values (3);
insert into deliveries (digest, body, page_ids, received_at, copies)
    values ('aa', '{}', '["1"]', 1700000000, 1);
insert into pages values
    ('1', 5, 3, 0, 'webhook', 0, 0, null, 0, null, null, null, 2, 'd', '{"name": "A"}', 1.5, 2.5),
    ('2', 1, 1, 0, 'sync', 0, 0, null, 0, null, null, null, 1, 'e', '{"name": "B"}', 1.5, null),
    ('3', 1, 0, 0, 'sync', 0, 0, null, 0, 'gone', 1.5, null, 0, null, null, null, null);
insert into page_accesses values ('1', '77', 1.5, 'Shop', 'sealed', '[]');
"""


@pytest.fixture
def old_url(database_url: str) -> str:
    """A database as schema 3 made and filled it."""
    file = sqlite_file(database_url)
    if file is not None:
        with sqlite3.connect(file) as connection:
            connection.executescript((SAMPLES / "schema-3.sqlite.sql").read_text() + ROWS)
        connection.close()
    else:
        address = make_url(database_url).set(drivername="postgresql")
        with psycopg.connect(address.render_as_string()) as server:
            tables = (SAMPLES / "schema-3.postgresql.sql").read_text()
            server.execute((tables + ROWS).encode())
    return database_url


def test_all_that_waits_and_all_that_is_stored_stays(old_url: str) -> None:
    database = Database(old_url)
    inbox = DatabaseInbox(database)
    status = inbox.status()
    assert (status.deliveries, status.pages, status.waiting, status.parked) == (1, 3, 1, 1)
    assert (status.events, status.waiting_since) == (2, None)
    (claim,) = inbox.claim(50)
    assert (claim.page_id, claim.marks) == (ONE, 5)
    assert claim.last == LastStored(2, "d", {"name": "A"})
    asked = FieldList(("id", "name"))
    inbox.note_asked([TWO], asked)
    assert inbox.digests([TWO], asked) == {TWO: "e"}
    inbox.record([Delivery("b" * 64, VerifiedBody(b"{}"), (ONE, TWO), NOW)])
    inbox.finish(claim, None)
    assert {again.page_id: again.marks for again in inbox.claim(50)} == {ONE: 6, TWO: 2}
    with database.read() as connection:
        assert len(connection.execute(page_accesses.select()).all()) == 1
    database.close()


def test_it_then_has_every_table_column_and_index_of_a_new_one(old_url: str) -> None:
    database = Database(old_url)
    with database.read() as connection:
        found, all_indexes = inspect(connection), set()
        for table in metadata.sorted_tables:
            columns = {column["name"] for column in found.get_columns(table.name)}
            indexes = {index["name"] for index in found.get_indexes(table.name)}
            assert columns == {column.name for column in table.columns}
            assert indexes >= {index.name for index in table.indexes}
            all_indexes |= indexes
        assert all_indexes >= PARTIAL_INDEXES.keys()
        assert connection.execute(schema.select()).scalars().all() == [SCHEMA_NUMBER]
    database.close()
