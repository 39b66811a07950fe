"""How much room the database takes, on both databases."""

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import delete

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.schema import deliveries
from fbsync.database.size import measure

MIB = 1024 * 1024


def fill(database: Database, size: int) -> None:
    with database.write() as connection:
        connection.execute(
            deliveries.insert().values(
                digest="d", body=os.urandom(size), page_ids="[]", received_at=1.0
            )
        )


def test_what_is_written_is_counted(database: Database) -> None:
    before = measure(database).used_bytes
    fill(database, 2 * MIB)
    assert measure(database).used_bytes >= before + 2 * MIB


def test_what_sqlite_freed_is_not_counted_though_the_file_stays_as_it_is(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    before = measure(database).used_bytes
    fill(database, 2 * MIB)
    with database.write() as connection:
        connection.execute(delete(deliveries))
    assert measure(database).used_bytes < before + MIB < (tmp_path / "f.sqlite3").stat().st_size
    database.close()


def test_the_free_room_is_that_of_the_disk_below_the_file(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    free = measure(database).free_bytes
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    database.close()


def test_the_disk_of_a_server_is_not_known(postgresql_database: Database) -> None:
    assert measure(postgresql_database).free_bytes is None
