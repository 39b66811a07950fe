"""The database: engine, transactions, set-up. SQLite by default, PostgreSQL by its URL."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from fbsync.database.faults import translated
from fbsync.database.mark_statements import RECORDING_VIEW
from fbsync.database.schema_setup import set_up
from fbsync.database.sqlite_file import SqliteFile, loses_commits_in_wal
from fbsync.errors import SettingsError

LOCK_WAIT_SECONDS = 3
"""For a lock or a free connection. Short, because Meta waits for a listener's commit meanwhile."""

# libpq, "Parameter Key Words": a server that is gone is noticed within seconds. Those of the URL
# come first.
_POSTGRESQL_WAITS = {
    "connect_timeout": "3",
    "tcp_user_timeout": "4000",  # milliseconds
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "2",
}

# As in _prepare_postgresql, once more: a pooler in front may give each transaction another session.
_URGENT = text(
    "select set_config('synchronous_commit', 'on', true),"
    " set_config('lock_timeout', :wait, true), set_config('statement_timeout', :wait, true)"
)


class Database:
    """One engine, its tables in place. Raises SettingsError for a bad URL or a newer file.

    `file` is that of an SQLite database; None with PostgreSQL. Without `makes_file`, one that
    is not there is DatabaseUnavailable.
    """

    def __init__(self, url: str, *, makes_file: bool = True) -> None:
        self._engine = _create_engine(url)
        path = sqlite_file(url)
        self.is_sqlite = path is not None
        self.place = "?" if self.is_sqlite else "%s"  # of a value, in the driver's own SQL
        # Both dialects offer the same `on_conflict_do_update`, each in its own class.
        self.insert: Any = _insert(is_sqlite=self.is_sqlite)
        self.file = SqliteFile(path, LOCK_WAIT_SECONDS, makes_file) if path else None
        try:
            self._prepare()
            set_up(self.read, self.write)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self, *, is_urgent: bool = False) -> Iterator[Connection]:
        """A transaction that may write: durable once the block is left without an error.

        An urgent one's statements end within LOCK_WAIT_SECONDS each: Meta waits for it.
        """
        with translated():
            self._check_file()
            with self._engine.begin() as connection:
                if is_urgent and not self.is_sqlite:
                    connection.execute(_URGENT, {"wait": _milliseconds(LOCK_WAIT_SECONDS)})
                yield connection
            # What went into a file that is not found again is no durable commit.
            self._check_file()

    def write_at_once(self, statement: str, values: Sequence[object]) -> None:
        """A statement that is a transaction of its own: durable on return. On SQLite alone.

        It is one call to SQLite, where `write` makes one for each statement, for its begin and its
        commit: in a busy process, each of them waits for the interpreter's lock.
        """
        with translated():
            self._check_file()
            with closing(self._engine.raw_connection()) as pooled:
                pooled.cursor().execute(statement, values)
            self._check_file()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: on SQLite it does not wait for writers."""
        with translated(), self._engine.connect() as connection:
            yield connection.execution_options(fbsync_begin="BEGIN")

    def read_at_once(self, statement: str, values: Sequence[str]) -> Sequence[Any]:
        """All rows of a SELECT in the driver's own SQL, with a `place` for each value.

        On SQLite it is its own transaction and goes past SQLAlchemy, whose layers take several
        times as long as the statement: what a poll asks before and after each request.
        """
        if not self.is_sqlite:
            with self.read() as connection:
                return connection.exec_driver_sql(statement, tuple(values)).all()
        with translated(), closing(self._engine.raw_connection()) as pooled:
            cursor = pooled.cursor()
            cursor.execute(statement, values)
            return cursor.fetchall()

    def reopen(self) -> None:
        """Close all connections, those in use when they are given back; the next are new."""
        with translated():
            self._check_file()
            self._engine.dispose()
            if self.file:
                self.file.hold()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self.file:
            self.file.close()

    def _check_file(self) -> None:
        if self.file:
            self.file.check()

    def _prepare(self) -> None:
        """What each new connection gets."""
        if self.file is None:
            event.listen(self._engine, "connect", _prepare_postgresql)
            return
        file = self.file
        event.listen(
            self._engine,
            "do_connect",
            lambda _dialect, _record, _args, options: file.connect(**options),
        )
        event.listen(self._engine, "connect", _prepare_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        with translated():
            # The mode stays in the file, so only its maker chooses: switching it under another
            # process that has the file open can corrupt it.
            if file.is_new and not loses_commits_in_wal(sqlite3.sqlite_version_info):
                file.use_wal()
            file.hold()


def _insert(*, is_sqlite: bool) -> Any:
    """Only the dialect that is used is loaded."""
    if is_sqlite:
        from sqlalchemy.dialects import sqlite as dialect
    else:
        from sqlalchemy.dialects import postgresql as dialect  # type: ignore[no-redef]  # one of both
    return dialect.insert


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite:///{path}"


def sqlite_file(url: str) -> Path | None:
    """The file behind an SQLite URL; None for a database server."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def _create_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        options: dict[str, Any] = {"connect_args": {"timeout": LOCK_WAIT_SECONDS}}
        if parsed.get_backend_name() == "postgresql":
            waits = {
                name: _POSTGRESQL_WAITS[name] for name in _POSTGRESQL_WAITS.keys() - parsed.query
            }
            options = {"connect_args": waits, "pool_pre_ping": True}
        return create_engine(url, hide_parameters=True, pool_timeout=LOCK_WAIT_SECONDS, **options)
    except (NoSuchModuleError, ImportError) as error:
        raise SettingsError(
            f"FBSYNC_DATABASE_URL cannot be used: {type(error).__name__}.\n"
            'For PostgreSQL, install the driver: pip install "fbsync[postgres]".'
        ) from None
    except (ArgumentError, TypeError, ValueError) as error:
        # Not with its text, which may hold a part of the password.
        raise SettingsError(
            f"FBSYNC_DATABASE_URL cannot be used: {type(error).__name__}.\n"
            "Check its port and its options, such as ?sslmode=require."
        ) from None


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """A role or a server may have weaker defaults; a commit is acknowledged, so it must be safe."""
    connection.execute("set synchronous_commit = on")
    connection.execute(f"set lock_timeout = {_milliseconds(LOCK_WAIT_SECONDS)}")
    connection.commit()


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, see _begin_sqlite
    # In DELETE mode a power cut can bring a deleted rollback journal back, and undo a commit;
    # EXTRA also syncs the folder (SQLite, "PRAGMA synchronous").
    connection.execute("pragma synchronous=extra")
    # An emptied journal needs fewer fsyncs than a deleted one: the folder stays as it is (SQLite,
    # "PRAGMA journal_mode"). A file in WAL mode stays in it.
    if connection.execute("pragma journal_mode").fetchone() == ("delete",):
        connection.execute("pragma journal_mode=truncate")
    # Deleted rows are overwritten with zeros: some held a person's data that must be gone.
    connection.execute("pragma secure_delete=on")
    connection.execute("pragma temp_store=memory")
    # In KiB, half of the default: a process has up to fifteen connections, and a file of many pages
    # fills the cache of each.
    connection.execute("pragma cache_size=-1000")
    for statement in RECORDING_VIEW:
        connection.execute(statement)


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("fbsync_begin", "BEGIN IMMEDIATE")
    connection.exec_driver_sql(begin)
