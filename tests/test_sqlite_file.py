"""The SQLite file under a running program: removed, replaced, moved back, damaged, full."""

import os
import resource
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from fbsync.database.durability import Durability
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.schema import handshakes
from fbsync.errors import DatabaseFault, DatabaseUnavailable
from tests.servers import fill


@pytest.fixture(params=["delete", "wal"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database in each journal mode; the mode stays in the file."""
    path = tmp_path / "f.sqlite3"
    Database(sqlite_url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode={request.param}")
    return path


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    with closing(Database(sqlite_url(file))) as opened:
        write(opened)
        yield opened


def write(database: Database, size: int = 1) -> None:
    with database.write() as connection:
        row = {"seen_at": 1.0, "result": "x" * size}
        connection.execute(handshakes.insert().values(row))


def rows(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(handshakes.select()).all())


@contextmanager
def fails(fault: DatabaseFault) -> Iterator[None]:
    with pytest.raises(DatabaseUnavailable) as caught:
        yield
    assert caught.value.fault == fault, caught.value


def test_a_removed_file_takes_no_commit_and_is_not_made_anew(
    database: Database, file: Path
) -> None:
    file.unlink()
    for _ in range(2):
        with fails("removed"):
            write(database)
    assert not file.exists()


def test_a_new_connection_makes_no_file_either(database: Database, file: Path) -> None:
    database.reopen()
    file.unlink()
    with fails("removed"):
        rows(database)
    assert not file.exists()


def test_the_very_file_is_taken_again_without_a_restart(database: Database, file: Path) -> None:
    aside = file.with_suffix(".aside")
    file.rename(aside)
    with fails("removed"):
        write(database)
    aside.rename(file)
    write(database)
    assert rows(database) == 2


@pytest.mark.parametrize("by", ["copy", "empty"])
def test_another_file_in_its_place_is_left_alone_until_a_restart(
    database: Database, file: Path, by: str
) -> None:
    other = file.with_suffix(".other")
    if by == "copy":
        shutil.copy(file, other)
    else:
        other.touch()
    before = other.read_bytes()
    os.replace(other, file)
    with fails("replaced"):
        write(database)
    with pytest.raises(
        DatabaseUnavailable, match=r"(?s)replaced.*Put the old .* back.*Restart fbsync only"
    ):
        write(database)
    assert file.read_bytes() == before


def test_what_was_committed_into_a_file_that_is_gone_meanwhile_is_no_commit(
    database: Database, file: Path
) -> None:
    with fails("removed"), database.write() as connection:
        connection.execute(handshakes.insert().values(seen_at=1.0, result="y"))
        # SQLite itself notices a removal only at the first row of a transaction.
        file.unlink()


@pytest.mark.parametrize("file", ["delete"], indirect=True)
def test_a_journal_that_is_removed_during_a_commit_loses_no_commit(
    database: Database, file: Path
) -> None:
    is_acknowledged = False
    with suppress(DatabaseUnavailable):  # then it may be there or not; Meta would send it again
        with database.write() as connection:
            connection.execute(handshakes.insert().values(seen_at=1.0, result="y"))
            Path(f"{file}-journal").unlink()
        is_acknowledged = True
    Durability(database).reopen()
    assert rows(database) == 2 or not is_acknowledged
    write(database)


@pytest.mark.parametrize("file", ["wal"], indirect=True)
@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_the_files_of_wal_mode_are_watched_too(database: Database, file: Path, suffix: str) -> None:
    Path(f"{file}{suffix}").unlink()
    with fails("removed"):
        write(database)


def test_a_folder_that_cannot_be_searched_is_told_apart_from_a_removal(
    database: Database, file: Path
) -> None:
    aside = file.parent.with_suffix(".aside")
    file.parent.rename(aside)
    file.parent.touch()  # a file where the folder was: as good as no right to enter it
    with fails("gone"):
        write(database)
    file.parent.unlink()
    aside.rename(file.parent)
    write(database)


def test_a_file_cut_short_is_damaged_and_reopening_finds_it(database: Database, file: Path) -> None:
    write(database, size=100_000)
    flush(database)
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)
    with fails("damaged"):
        database.reopen()
        write(database, size=100_000)
        Durability(database).reopen()


def test_an_overwritten_header_is_damage_and_the_old_one_heals_it(
    database: Database, file: Path
) -> None:
    flush(database)
    header = file.read_bytes()[:100]
    overwrite(file, b"\0" * 100)
    with fails("damaged"):
        Durability(database).reopen()
    overwrite(file, header)
    Durability(database).reopen()
    assert rows(database) == 1


def flush(database: Database) -> None:
    """In WAL mode: let the file itself hold all."""
    with closing(sqlite3.connect(database.file.path)) as connection:  # type: ignore[union-attr]  # it has one
        connection.execute("pragma wal_checkpoint(truncate)")


def overwrite(file: Path, beginning: bytes) -> None:
    with file.open("r+b") as opened:
        opened.write(beginning)


def test_a_page_overwritten_in_the_middle_is_found_by_reopening(
    database: Database, file: Path
) -> None:
    write(database, size=100_000)
    flush(database)
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(b"\xff" * 4096)
    with fails("damaged"):
        Durability(database).reopen()


def test_an_io_error_is_damage_and_nothing_is_lost_by_it(database: Database, file: Path) -> None:
    with no_file_may_grow():
        with fails("damaged"):
            write(database, size=500_000)
        with fails("damaged"):
            Durability(database).reopen()
            write(database, size=500_000)
    Durability(database).reopen()
    assert rows(database) == 1
    write(database)


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    """A real write error (EFBIG) without any mock: the process's own limit on the size of files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_full_disk_is_told_and_passes(small_disk: Path, mode: str) -> None:
    path = small_disk / "f.sqlite3"
    Database(sqlite_url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode={mode}")
    with closing(Database(sqlite_url(path))) as database:
        write(database)
        filler = small_disk / "filler"
        fill(filler)
        with fails("full"):
            write(database, size=500_000)
        assert rows(database) == 1
        filler.unlink()
        write(database)
        assert rows(database) == 2


def test_reading_a_large_file_through_ends_when_it_is_interrupted(tmp_path: Path) -> None:
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
        write(database, size=50_000_000)
        found: list[BaseException] = []

        def examine() -> None:
            try:
                while True:
                    Durability(database).reopen()
            except DatabaseUnavailable as error:
                found.append(error)

        thread = threading.Thread(target=examine)
        thread.start()
        while thread.is_alive():
            Durability(database).interrupt()
        thread.join()
        assert "interrupted" in str(found[0])
