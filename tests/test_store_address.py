"""The store's address: a move makes every page count as not stored."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.store_address import Move, StoreAddress
from fbsync.page import PageId, PageSnapshot
from fbsync.ports import page_key
from fbsync.refresh import Refresher
from fbsync.store.directory import DirectoryStore
from fbsync.sync import Poll
from tests.buckets import keys_in

ONE = PageId("1")
SNAPSHOT = PageSnapshot(ONE, {"id": "1"}, datetime(2026, 1, 1, tzinfo=UTC), "v26.0")


def test_the_first_store_and_the_same_store_are_no_move(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    address = StoreAddress(database)
    assert [address.move_to("s3://a/b"), address.move_to("s3://a/b")] == [None, None]
    assert [address.move_to("s3://a/c"), address.move_to("s3://a/c")] == [Move("s3://a/b"), None]
    database.close()


@pytest.mark.parametrize("places", [["s3://a/b"], ["s3://a/b", "s3://a/c"]], ids=["same", "other"])
def test_of_processes_that_begin_at_once_one_is_first_and_one_address_is_known(
    database: Database, places: list[str]
) -> None:
    address, begin = StoreAddress(database), Barrier(8)

    def move(number: int) -> None:
        begin.wait(10)
        address.move_to(places[number % len(places)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(move, range(8)))
    assert address.known() in places


def test_a_place_that_was_the_store_before_is_known_with_the_time_of_its_end(
    tmp_path: Path,
) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    address = StoreAddress(database)
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 5)]
    clock = iter(times[1:])
    moves = [address.move_to(place, clock.__next__) for place in ("old", "new", "old", "new")]
    assert moves == [None, Move("old"), Move("new", times[1]), Move("old", times[2])]
    database.close()


def test_after_a_move_sync_writes_every_page_there_and_goes_on_counting(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    inbox, address = DatabaseInbox(database), StoreAddress(database)
    kinds = []
    for folder in ("old", "old", "new", "new"):
        store = DirectoryStore(tmp_path / folder, "")
        address.move_to(store.address)
        refresher = Refresher(inbox, store, lambda pages: dict.fromkeys(pages, SNAPSHOT))
        poll = Poll(inbox, refresher, lambda found: kinds.append(getattr(found, "kind", "")))
        poll.run([[SNAPSHOT]], [])
    assert kinds == ["stored", "unchanged", "stored", "unchanged"]
    new = DirectoryStore(tmp_path / "new", "")
    assert new.get(page_key(ONE)) == SNAPSHOT.document
    assert keys_in(new, "1/history/") == ["1/history/000002.json"]
    database.close()


def test_what_a_worker_stores_at_the_old_place_during_a_move_is_written_to_the_new_one(
    tmp_path: Path,
) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    inbox, address = DatabaseInbox(database), StoreAddress(database)
    old, new = (DirectoryStore(tmp_path / folder, "") for folder in ("old", "new"))

    def refresh(store: DirectoryStore, during: Callable[[], object]) -> list[str]:
        def read(pages: Sequence[PageId]) -> dict[PageId, Any]:
            during()
            return dict.fromkeys(pages, SNAPSHOT)

        return [outcome.kind for outcome in Refresher(inbox, store, read).refresh()]

    address.move_to(old.address)
    inbox.mark([ONE], "sync")
    assert refresh(old, lambda: address.move_to(new.address)) == ["stored"]
    assert refresh(new, lambda: None) == ["unchanged"]  # it wrote both objects anew
    assert new.get(page_key(ONE)) == SNAPSHOT.document
    assert refresh(new, lambda: None) == []
    database.close()
