"""The database: engine, transactions, set-up. SQLite by default, PostgreSQL by its URL."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.schema import CreateColumn

from fbsync.database.schema import SCHEMA_NUMBER, metadata, schema
from fbsync.errors import DatabaseUnavailable, SettingsError

LOCK_WAIT_SECONDS = 3
"""On SQLite. Short, because Meta waits for a listener's commit meanwhile."""

_SCHEMA_LOCK = 0x6662_7379_6E63  # "fbsync": the advisory lock under which PostgreSQL is set up


class Database:
    """One engine, its tables in place. Raises SettingsError for a bad URL or a newer file."""

    def __init__(self, url: str) -> None:
        self._engine = _open_engine(url)
        self.path = sqlite_file(url)
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        # Both dialects offer the same `on_conflict_do_update`, each in its own class.
        self.insert: Any = sqlite.insert if self.is_sqlite else postgresql.insert
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: durable once the block is left without an error."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: on SQLite it does not wait for writers."""
        with _translated(), self._engine.connect() as connection:
            yield connection.execution_options(fbsync_begin="BEGIN")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _set_up(self) -> None:
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(
                    text("select pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK}
                )
            if not inspect(connection).has_table(schema.name):
                metadata.create_all(connection)
                connection.execute(schema.insert().values(number=SCHEMA_NUMBER))
            found = connection.execute(select(schema.c.number)).scalar_one()
            if found < SCHEMA_NUMBER:
                _upgrade(connection)
        if found > SCHEMA_NUMBER:
            raise SettingsError(
                f"The database was written by a newer fbsync (schema {found}, this one knows"
                f" {SCHEMA_NUMBER}).\nUpgrade fbsync, or point FBSYNC_DATABASE_URL elsewhere."
            )


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


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite:///{path}"


def sqlite_file(url: str) -> Path | None:
    """The file behind an SQLite URL; None for a database server."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def loses_commits_in_wal(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite can lose committed transactions in WAL mode at a checkpoint.

    SQLite release notes: present since 3.7.0; mended in 3.51.3, 3.50.7 and 3.44.6.
    """
    mended = version >= (3, 51, 3)
    mended |= (3, 50, 7) <= version < (3, 51, 0)
    mended |= (3, 44, 6) <= version < (3, 45, 0)
    return not mended


def _open_engine(url: str) -> Engine:
    try:
        path = sqlite_file(url)
        if path is None:
            return create_engine(url, hide_parameters=True, pool_pre_ping=True)
        is_new = _create_private_file(path)
        engine = create_engine(
            url, hide_parameters=True, connect_args={"timeout": LOCK_WAIT_SECONDS}
        )
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise SettingsError(
            f"FBSYNC_DATABASE_URL cannot be used: {type(error).__name__}.\n"
            'For PostgreSQL, install the driver: pip install "fbsync[postgres]".'
        ) from None
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    # The mode stays in the file, so only its maker chooses: switching it under another process
    # that has the file open can corrupt it.
    if is_new and not loses_commits_in_wal(sqlite3.sqlite_version_info):
        with engine.connect() as connection:
            connection.connection.cursor().execute("pragma journal_mode=wal")
    return engine


def _create_private_file(path: Path) -> bool:
    """Make the file readable by its owner only, from its first byte. False if it is there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_file():
            return False
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        if path.is_file():
            return False  # another process was first
        raise DatabaseUnavailable(
            f"The database file {path} cannot be made: {error.strerror}.\n"
            "Free or open the folder, or set FBSYNC_DATABASE_URL."
        ) from None
    return True


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, see _begin_sqlite
    # In DELETE mode a power cut can bring a deleted rollback journal back, and undo a commit;
    # EXTRA also syncs the folder (SQLite, "PRAGMA synchronous").
    connection.execute("pragma synchronous=extra")
    # Deleted rows are overwritten with zeros: some held a person's data that must be gone.
    connection.execute("pragma secure_delete=on")


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("fbsync_begin", "BEGIN IMMEDIATE")
    connection.exec_driver_sql(begin)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what an operator can mend into DatabaseUnavailable; let our own faults through."""
    try:
        yield
    except (DataError, IntegrityError, ProgrammingError):
        raise
    except (DBAPIError, PoolTimeout) as error:
        cause = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise DatabaseUnavailable(
            f"The database does not answer as it should: {cause}.\n"
            "Check that it runs, has space, and is not locked by another program."
        ) from None
