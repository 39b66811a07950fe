"""The tables of a database: made, upgraded, or refused where a newer program made them."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Connection, inspect, select, text, update
from sqlalchemy.schema import CreateColumn

from fbsync.database.partial_indexes import make_partial_indexes
from fbsync.database.schema import SCHEMA_NUMBER, metadata, schema
from fbsync.errors import SettingsError

SCHEMA_LOCK = 0x6662_7379_6E63  # "fbsync": the advisory lock under which PostgreSQL is set up

Transaction = Callable[[], AbstractContextManager[Connection]]


def set_up(read: Transaction, write: Transaction) -> None:
    """Bring the tables to SCHEMA_NUMBER. Raises SettingsError for a newer database."""
    with read() as connection:
        found = _schema_number(connection)
    if found is None or found < SCHEMA_NUMBER:
        # Only then: beside busy workers, a start must not wait for their lock.
        found = _make_or_upgrade(write)
    if found > SCHEMA_NUMBER:
        raise SettingsError(
            f"The database was written by a newer fbsync (schema {found}, this one knows"
            f" {SCHEMA_NUMBER}).\nUpgrade fbsync, or point FBSYNC_DATABASE_URL elsewhere."
        )


def _make_or_upgrade(write: Transaction) -> int:
    """The number afterwards; another process may have been first."""
    with write() as connection:
        if connection.dialect.name == "postgresql":
            # Whoever came first may have an index to make, which can take long.
            connection.exec_driver_sql("set local lock_timeout = 0")
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
        found = _schema_number(connection)
        if found is None:
            metadata.create_all(connection)
            make_partial_indexes(connection)
            connection.execute(schema.insert().values(number=SCHEMA_NUMBER))
        elif found < SCHEMA_NUMBER:
            _upgrade(connection)
        else:
            return found
    return SCHEMA_NUMBER


def _schema_number(connection: Connection) -> int | None:
    """None for a database without our tables."""
    if not inspect(connection).has_table(schema.name):
        return None
    return int(connection.execute(select(schema.c.number)).scalar_one())


def _upgrade(connection: Connection) -> None:
    """Bring an older database to this schema: tables, columns and indexes added since are made.

    A column that is added later must be nullable, as the rows that are there have no value for it.
    """
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                made = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"alter table {table.name} add column {made}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    make_partial_indexes(connection)
    connection.exec_driver_sql("drop index if exists pages_due")  # of schema 5 and older
    _move_page_tokens(connection)
    connection.execute(update(schema).values(number=SCHEMA_NUMBER))


def _move_page_tokens(connection: Connection) -> None:
    """Up to schema 2, `page_tokens` held one person's token for a page; now each person's stays."""
    if inspect(connection).has_table("page_tokens"):
        columns = "page_id, user_id, name, token, tasks"
        connection.exec_driver_sql(
            f"insert into page_accesses ({columns}) select {columns} from page_tokens"  # noqa: S608 - our own names
        )
        connection.exec_driver_sql("drop table page_tokens")
