"""Another store than last time: used, and told, only once it can be used."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.store_address import StoreAddress
from fbsync.errors import StoreUnavailable
from fbsync.store.directory import DirectoryStore
from fbsync.store.move import move_to


@pytest.fixture
def known(tmp_path: Path) -> Iterator[StoreAddress]:
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
        yield StoreAddress(database)


def test_a_move_is_told_with_both_addresses_and_only_once(
    known: StoreAddress, tmp_path: Path
) -> None:
    told: list[str] = []
    old, new = (DirectoryStore(tmp_path / name, "") for name in ("old", "new"))
    for store in (old, old, new, new):
        move_to(store, known, told.append)
    (line,) = told
    assert f"it was {old.address}, it is now {new.address}." in line
    assert line.endswith("Run fbsync sync: it brings every page over, with its versions.")


def test_who_brings_the_pages_over_at_once_asks_for_no_sync(
    known: StoreAddress, tmp_path: Path
) -> None:
    told: list[str] = []
    for name in ("old", "new"):
        move_to(DirectoryStore(tmp_path / name, ""), known, told.append, brings_over=True)
    (line,) = told
    assert "fbsync sync" not in line


def test_a_store_that_changes_back_is_told_as_two_programs_that_disagree(
    known: StoreAddress, tmp_path: Path
) -> None:
    told: list[str] = []
    old, new = (DirectoryStore(tmp_path / name, "") for name in ("old", "new"))
    for store in (old, new, old):
        move_to(store, known, told.append)
    first, second = told
    assert "two programs" not in first
    assert f"It was {old.address} before, until 20" in second
    assert "do two programs use this database" in second
    assert len(second.splitlines()) <= 3


def test_a_store_that_cannot_be_used_leaves_everything_as_it_is(
    known: StoreAddress, tmp_path: Path
) -> None:
    old = DirectoryStore(tmp_path / "old", "")
    move_to(old, known, pytest.fail)
    (tmp_path / "file").touch()
    mistyped = DirectoryStore(tmp_path / "file" / "store", "")
    with pytest.raises(StoreUnavailable, match=f"(?s)Not a directory.*are in {old.address}"):
        move_to(mistyped, known, pytest.fail)
    assert known.known() == old.address
