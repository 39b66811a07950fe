"""What a database driver's error means to the operator, and to the listener's gate."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from fbsync.errors import DatabaseFault, DatabaseUnavailable, SettingsError

# SQLite, "Result and Error Codes": the lowest byte is the primary code.
_SQLITE: dict[int, DatabaseFault] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",
    sqlite3.SQLITE_IOERR: "damaged",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_CANTOPEN: "gone",
    sqlite3.SQLITE_PERM: "read-only",
    sqlite3.SQLITE_READONLY: "read-only",
}

# PostgreSQL, "Error Codes" (appendix A).
_POSTGRESQL: dict[str, DatabaseFault] = {
    "53100": "full",  # disk_full
    "55P03": "locked",  # lock_not_available: lock_timeout
    "57014": "locked",  # query_canceled: statement_timeout
    "40001": "locked",  # serialization_failure
    "40P01": "locked",  # deadlock_detected
    "58030": "damaged",  # io_error
    "XX001": "damaged",  # data_corrupted
    "XX002": "damaged",  # index_corrupted
    "25006": "read-only",  # read_only_sql_transaction: a standby, as after a failover
    "42501": "read-only",  # insufficient_privilege
    "42P05": "pooled",  # duplicate_prepared_statement: of another client's session
    "26000": "pooled",  # invalid_sql_statement_name
    "42P01": "damaged",  # undefined_table: somebody dropped it
}

_ADVICE: dict[DatabaseFault, str] = {
    "locked": "See which other program holds it, such as a backup or a shell; then try again.",
    "full": "Make room on its disk, then try again.",
    "gone": "Start it or make it reachable again, then try again.",
    "damaged": "Check its disk. A listener refuses events until it was reopened and found whole.",
    "read-only": "Give fbsync the right to write to it; a PostgreSQL standby takes no writes.",
    "pooled": "A pooler in transaction mode stands between. Use its session mode, or none.",
    "other": "Check that it runs, has space, and is not locked by another program.",
}

_REFUSED = "connection is bad: "  # psycopg, where libpq gives up at once

# libpq's words for a value that it does not take, such as an sslmode or a port; it has no code.
_OF_THE_URL = re.compile(
    rf"{_REFUSED}(invalid|could not match|weak sslmode) |.*invalid .* for connection option "
)

# The driver's name for a value or a statement that is wrong in itself.
_OF_OUR_OWN = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what an operator can mend into DatabaseUnavailable; let our own faults through.

    What a driver says of the URL's options, before it connects, is a SettingsError.
    """
    try:
        yield
    except PoolTimeout:
        raise DatabaseUnavailable(
            "All connections to the database are in use.\nIt is slow or hangs; look at it.",
            fault="locked",
        ) from None
    except DBAPIError as error:
        if _is_about_the_url(error):
            raise SettingsError(
                f"FBSYNC_DATABASE_URL cannot be used: {_cause(error).removeprefix(_REFUSED)}.\n"
                "Check its port and its options, such as ?sslmode=require."
            ) from None
        fault = _fault_of(error)
        if fault == "other" and isinstance(error, DataError | IntegrityError | ProgrammingError):
            raise
        raise DatabaseUnavailable(
            f"The database does not answer as it should: {_cause(error)}.\n{_ADVICE[fault]}",
            fault=fault,
        ) from None
    except sqlite3.Error as error:  # of a statement that SQLAlchemy does not know
        fault = _fault_of_sqlite(error)
        if fault == "other" and isinstance(error, _OF_OUR_OWN):
            raise
        raise DatabaseUnavailable(
            f"The database does not answer as it should: {error}.\n{_ADVICE[fault]}", fault=fault
        ) from None


def _cause(error: DBAPIError) -> str:
    return str(error.orig or error).partition("\n")[0]


def _is_about_the_url(error: DBAPIError) -> bool:
    if error.statement is not None or _sqlstate(error):
        return False
    return isinstance(error, ProgrammingError) or bool(_OF_THE_URL.match(_cause(error)))


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _fault_of_sqlite(error: sqlite3.Error) -> DatabaseFault:
    # The driver's own errors have no code.
    return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "other")


def _fault_of(error: DBAPIError) -> DatabaseFault:
    if isinstance(error.orig, sqlite3.Error):
        return _fault_of_sqlite(error.orig)
    code = _sqlstate(error)
    if code in _POSTGRESQL:
        return _POSTGRESQL[code]
    # Without a code it is the driver's own word: no connection, or a fault in how we call it.
    is_ours = isinstance(error, DataError | IntegrityError | ProgrammingError)
    is_gone = error.connection_invalidated or not code or code.startswith(("08", "57P"))
    return "gone" if is_gone and not is_ours else "other"
