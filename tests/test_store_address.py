"""The store's address: a move makes every page count as not stored."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import text, true

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.marks import lock_pages
from fbsync.database.moving_pages import MovingPages
from fbsync.database.store_address import Move, StoreAddress, is_same_store, is_store
from fbsync.errors import StoreMoved
from fbsync.hallway.refresh import Refresher
from fbsync.page import PageId, PageSnapshot
from fbsync.ports import LastStored, page_key
from fbsync.store.directory import DirectoryStore
from fbsync.sync.sync import Poll
from tests.buckets import keys_in
from tests.hallway import DEADLINE
from tests.servers import wait_until

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


def test_who_still_writes_to_the_old_place_leaves_later_events_to_others(
    database: Database, tmp_path: Path
) -> None:
    inbox, address = DatabaseInbox(database), StoreAddress(database)
    old, new = (DirectoryStore(tmp_path / folder, "") for folder in ("old", "new"))
    outdated, restarted = (
        Refresher(inbox, store, lambda pages: dict.fromkeys(pages, SNAPSHOT))
        for store in (old, new)
    )
    address.move_to(old.address)
    address.move_to(new.address)
    assert outdated.refresh() == []  # there is nothing that others would have to do
    inbox.mark([ONE], "webhook")
    with pytest.raises(StoreMoved, match="start this one again"):
        outdated.refresh()
    with pytest.raises(StoreMoved):
        inbox.hold([ONE], old.address)
    assert [outcome.kind for outcome in restarted.refresh()] == ["stored"]
    assert keys_in(old) == []


def test_a_move_waits_for_a_claim_under_way_and_a_claim_takes_nothing_during_a_move(
    postgresql_database: Database,
) -> None:
    inbox, address = DatabaseInbox(postgresql_database), StoreAddress(postgresql_database)
    address.move_to("old")
    inbox.mark([ONE], "webhook")
    mover = Thread(target=address.move_to, args=("new",))
    waiting = text("select count(*) from pg_locks where not granted")
    # As a delivery that is being recorded: the move comes as far as the pages.
    with postgresql_database.write() as recording:
        lock_pages(recording, true())
        with postgresql_database.write() as claiming:
            assert is_store(claiming, "old")
            mover.start()
            with postgresql_database.read() as watching:
                wait_until(lambda: watching.execute(waiting).scalar() == 1, "the move to wait")
        with postgresql_database.read() as watching:
            moving = text(
                "select count(*) from pg_locks where not granted and pid in"
                " (select pid from pg_locks where relation = 'pages'::regclass)"
            )
            wait_until(lambda: watching.execute(moving).scalar() == 1, "the move to lock pages")
        with postgresql_database.write() as claiming:
            assert not is_store(claiming, "old")
            assert not is_store(claiming, "new")  # as it may yet fail
    mover.join(DEADLINE)
    assert address.known() == "new"


def test_a_bucket_that_is_known_without_its_server_gets_the_one_at_hand_and_keeps_its_pages(
    database: Database,
) -> None:
    inbox, address = DatabaseInbox(database), StoreAddress(database)
    address.move_to("s3://mirror/facebook")  # as 0.4.0 knew it
    inbox.mark([ONE], "sync")
    (claim,) = inbox.claim(1)
    inbox.finish(claim, LastStored(1, SNAPSHOT.digest, SNAPSHOT.fields, {1: b"first"}))
    here, there = (f"s3://mirror/facebook at {name}.example" for name in ("here", "there"))
    assert address.move_to(here) is None
    assert address.known() == here
    assert inbox.digests([ONE]) == {ONE: SNAPSHOT.digest}
    assert inbox.document(ONE, 1) == b"first"
    assert MovingPages(database).count() == 0
    assert address.move_to(there) == Move(here)
    assert inbox.digests([ONE]) == {}
    assert address.move_to("s3://mirror/facebook at here.example") is not None


@pytest.mark.parametrize(
    ("known", "store", "is_same"),
    [
        ("/srv/store", "/srv/store", True),
        ("/srv/store", "/srv/store at home", False),  # a folder's name
        ("s3://a/b", "s3://a/b at host", True),
        ("s3://a/b at host", "s3://a/b at host", True),
        ("s3://a/b at other", "s3://a/b at host", False),
        ("s3://a/c", "s3://a/b at host", False),
    ],
)
def test_a_store_is_known_by_bucket_prefix_and_server(
    known: str, store: str, is_same: bool
) -> None:
    assert is_same_store(known, store) is is_same
