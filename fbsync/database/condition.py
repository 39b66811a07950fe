"""What the database is and how it keeps commits, for `fbsync doctor`."""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, text

from fbsync.database.engine import Database
from fbsync.database.schema import schema
from fbsync.database.sqlite_file import loses_commits_in_wal

_SYNCHRONOUS = ("off", "normal", "full", "extra")  # SQLite, "PRAGMA synchronous"
_SAFE_WAL = "3.51.3, 3.50.7 and 3.44.6"


@dataclass(frozen=True)
class Condition:
    """`journal_mode` is SQLite's, with the reason; `faults` say what makes commits unsafe.

    `synchronous` is SQLite's `synchronous` or PostgreSQL's `synchronous_commit`.
    """

    kind: Literal["sqlite", "postgresql"]
    version: str
    schema: int
    synchronous: str
    journal_mode: str | None
    journal_reason: str | None
    faults: tuple[str, ...]


def condition_of(database: Database) -> Condition:
    """The condition now. Raises DatabaseUnavailable."""
    with database.read() as connection:
        number = connection.execute(select(schema.c.number)).scalar_one()
        if database.is_sqlite:
            return _sqlite(connection, number)
        return _postgresql(connection, number)


def journal_reason(mode: str, version: tuple[int, int, int]) -> tuple[str, str | None]:
    """Why a file has this journal mode, and what is wrong with that under this SQLite, if so."""
    name = ".".join(map(str, version))
    if mode == "wal":
        if not loses_commits_in_wal(version):
            return f"SQLite {name} keeps commits safe in WAL mode", None
        return (
            "the file was made by a newer SQLite",
            f"SQLite {name} can lose commits in WAL mode (mended in {_SAFE_WAL}).\n"
            "Use such a SQLite, or stop all of fbsync and run on the file: pragma"
            " journal_mode=delete",
        )
    if loses_commits_in_wal(version):
        why = f"SQLite {name} can lose commits in WAL mode (mended in {_SAFE_WAL})"
        return f"{why}, so it keeps a rollback journal", None
    return "the file was made by an older SQLite, and a mode is never switched in use", None


def _sqlite(connection: Connection, number: int) -> Condition:
    mode = str(connection.exec_driver_sql("pragma journal_mode").scalar_one())
    level = int(connection.exec_driver_sql("pragma synchronous").scalar_one())
    reason, fault = journal_reason(mode, sqlite3.sqlite_version_info)
    return Condition(
        kind="sqlite",
        version=sqlite3.sqlite_version,
        schema=number,
        synchronous=_SYNCHRONOUS[level],
        journal_mode=mode,
        journal_reason=reason,
        faults=(fault,) if fault else (),
    )


def _postgresql(connection: Connection, number: int) -> Condition:
    # Servers that only speak PostgreSQL's language may lack some of them.
    version, commits, fsync, pages = (
        connection.execute(text("select current_setting(:name, true)"), {"name": name}).scalar()
        for name in ("server_version", "synchronous_commit", "fsync", "full_page_writes")
    )
    off = [
        name for name, value in (("fsync", fsync), ("full_page_writes", pages)) if value == "off"
    ]
    return Condition(
        kind="postgresql",
        version=str(version),
        schema=number,
        synchronous=str(commits),
        journal_mode=None,
        journal_reason=None,
        faults=tuple(
            f"The server's setting {name} is off: a power cut can lose or spoil what was"
            f" answered.\nSwitch it on in postgresql.conf and restart the server."
            for name in off
        ),
    )
