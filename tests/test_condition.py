"""What the database is: versions, journal modes, and what makes commits unsafe."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fbsync.database.condition import condition_of, journal_reason
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.schema import SCHEMA_NUMBER
from fbsync.database.sqlite_file import loses_commits_in_wal


@pytest.mark.parametrize(
    ("mode", "version", "reason", "is_fault"),
    [
        ("delete", (3, 40, 1), "3.40.1 can lose commits in WAL mode", False),
        ("delete", (3, 51, 3), "made by an older SQLite", False),
        ("wal", (3, 51, 3), "3.51.3 keeps commits safe in WAL mode", False),
        ("wal", (3, 40, 1), "made by a newer SQLite", True),
    ],
)
def test_each_journal_mode_has_its_reason(
    mode: str, version: tuple[int, int, int], reason: str, is_fault: bool
) -> None:
    told, fault = journal_reason(mode, version)
    assert reason in told
    assert (fault is not None) is is_fault


def test_sqlite_tells_its_version_mode_and_level(tmp_path: Path) -> None:
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
        found = condition_of(database)
    assert (found.kind, found.version) == ("sqlite", sqlite3.sqlite_version)
    assert (found.synchronous, found.schema) == ("extra", SCHEMA_NUMBER)
    is_wal = not loses_commits_in_wal(sqlite3.sqlite_version_info)
    assert (found.journal_mode == "wal") is is_wal
    assert found.faults == ()


def test_a_wal_file_under_a_sqlite_that_loses_commits_in_it_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "f.sqlite3"
    Database(sqlite_url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode=wal")
    with closing(Database(sqlite_url(path))) as database:
        found = condition_of(database)
    assert bool(found.faults) is loses_commits_in_wal(sqlite3.sqlite_version_info)


def test_postgresql_tells_its_version_and_what_is_switched_off(
    postgresql_database: Database,
) -> None:
    found = condition_of(postgresql_database)
    assert (found.kind, found.synchronous, found.schema) == ("postgresql", "on", SCHEMA_NUMBER)
    assert int(found.version.split(".")[0]) >= 12
    assert found.journal_mode is None
    # The tests' own server runs without fsync, which is exactly what nobody else may do.
    (fault,) = found.faults
    assert "fsync is off" in fault
