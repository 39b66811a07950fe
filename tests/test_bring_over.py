"""What the database knows of its pages, written to a store that was changed."""

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from fbsync.database.moving_pages import MovingPages
from fbsync.database.store_address import StoreAddress
from fbsync.errors import PageGone, StoreUnavailable
from fbsync.page import PageId
from fbsync.ports import LastStored, history_key, page_key
from fbsync.sync.bring_over import Brought, bring_over
from tests.buckets import keys_in
from tests.drifting import contents, mirror, verify
from tests.hallway import ONE, THREE, TWO, Store, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three pages with two versions each in the old store; page 3 is gone and set aside."""
    made = World(tmp_path)
    StoreAddress(made.database).move_to(made.store.address)
    mirror(made, ONE, TWO, THREE, versions=2)
    made.facebook.pages[THREE] = PageGone("It is gone.")
    made.inbox.mark([THREE], "sync")
    assert made.refresh_one().kind == "parked"
    yield made
    made.database.close()


def move(world: World, folder: Path) -> None:
    """From now on, the world's store is an empty one."""
    world.store = Store(folder)
    StoreAddress(world.database).move_to(world.store.address)


def bring(world: World, *pages: PageId) -> Brought:
    return bring_over(MovingPages(world.database), world.store, world.inbox, pages or None)


def test_everything_is_in_the_new_store_once_the_pages_were_read(
    world: World, tmp_path: Path
) -> None:
    whole = contents(world.store)
    move(world, tmp_path / "new")
    assert bring(world) == Brought(pages=3, versions=7)
    assert keys_in(world.store, "3/") == [
        *(history_key(THREE, n) for n in (1, 2, 3)),
        page_key(THREE),
    ]
    world.inbox.mark([ONE, TWO], "sync")
    assert [outcome.kind for outcome in world.refresh()] == ["unchanged", "unchanged"]
    assert contents(world.store) == whole
    assert verify(world) == []
    assert bring(world) == Brought()


def test_each_page_that_came_is_counted(world: World, tmp_path: Path) -> None:
    move(world, tmp_path / "new")
    moving, left = MovingPages(world.database), []
    bring_over(
        moving, world.store, world.inbox, [ONE, TWO], advance=lambda: left.append(moving.count())
    )
    assert left == [1, 1]  # they arrived by then
    bring_over(moving, world.store, world.inbox, advance=lambda: left.append(moving.count()))
    assert left == [1, 1, 0]


def test_some_pages_may_come_alone(world: World, tmp_path: Path) -> None:
    move(world, tmp_path / "new")
    assert bring(world, TWO) == Brought(pages=1, versions=2)
    assert keys_in(world.store) == [history_key(TWO, 1), history_key(TWO, 2), page_key(TWO)]
    assert bring(world) == Brought(pages=2, versions=5)


def test_a_version_that_the_new_place_holds_is_never_replaced(world: World, tmp_path: Path) -> None:
    move(world, tmp_path / "new")
    world.store.put(history_key(THREE, 1), b"mine")
    brought = bring(world)
    assert brought == Brought(pages=3, versions=6, others=1)
    assert "1 version had a namesake there" in str(brought)
    assert world.store.get(history_key(THREE, 1)) == b"mine"
    assert history_key(THREE, 1) not in [drift.key for drift in verify(world)]


def test_a_page_that_is_read_before_its_versions_came_has_them_all_in_the_end(
    world: World, tmp_path: Path
) -> None:
    move(world, tmp_path / "new")
    world.see(ONE, name="Page 1", about="Newer")
    assert world.refresh_one().kind == "stored"
    bring(world)
    assert len(keys_in(world.store, "1/history/")) == 3
    page = world.document(page_key(ONE))
    assert isinstance(page, dict)
    assert page["about"] == "Newer"


def test_after_a_failure_the_next_run_goes_on(world: World, tmp_path: Path) -> None:
    move(world, tmp_path / "new")

    def fail() -> None:
        raise StoreUnavailable("The disk is full.")

    world.store.before_put[1] = fail
    with pytest.raises(StoreUnavailable):
        bring(world)
    assert bring(world).pages == 3
    assert verify(world, wanted=[THREE]) == []


def test_it_ends_early_where_it_is_asked_to(world: World, tmp_path: Path) -> None:
    move(world, tmp_path / "new")
    moving = MovingPages(world.database)
    assert bring_over(moving, world.store, world.inbox, ends=lambda: True) == Brought()
    assert moving.count() == 3


def test_a_page_that_is_set_aside_is_as_it_was_last_also_back_in_a_former_store(
    world: World, tmp_path: Path
) -> None:
    former = world.store
    move(world, tmp_path / "new")
    bring(world)
    world.inbox.unpark([THREE])
    world.see(THREE, name="Back under a new name")
    assert world.refresh_one().kind == "stored"
    world.facebook.pages[THREE] = PageGone("It is gone again.")
    world.inbox.mark([THREE], "sync")
    assert world.refresh_one().kind == "parked"
    new, world.store = world.store, former
    StoreAddress(world.database).move_to(former.address)
    assert bring(world, THREE) == Brought(pages=1, versions=5)
    assert (
        contents(former).items()
        >= {key: body for key, body in contents(new).items() if key.startswith("3/")}.items()
    )
    assert world.inbox.pages()[THREE].leased_until is None


def test_a_page_that_is_set_aside_and_cannot_be_replaced_comes_with_the_next_run(
    world: World, tmp_path: Path
) -> None:
    move(world, tmp_path / "new")
    world.store.put(page_key(THREE), b"older")

    def fail() -> None:
        raise StoreUnavailable("The disk is full.")

    world.store.before_put[5] = fail  # after the three versions
    with pytest.raises(StoreUnavailable, match=r"page_data.json is older. The disk is full."):
        bring(world, THREE)
    assert bring(world, THREE).pages == 1
    assert verify(world, wanted=[THREE]) == []


def test_however_long_the_history_is_few_versions_are_in_memory(
    world: World, tmp_path: Path
) -> None:
    versions = {number: os.urandom(200_000) for number in range(3, 53)}
    world.inbox.mark([ONE], "sync")
    (claim,) = world.inbox.claim(1)
    world.inbox.finish(claim, LastStored(52, "digest", {"id": "1"}, versions))
    move(world, tmp_path / "new")
    tracemalloc.start()
    try:
        assert bring(world, ONE).versions == 52
        assert tracemalloc.get_traced_memory()[1] < 5_000_000  # of ten million
    finally:
        tracemalloc.stop()
    assert world.store.get(history_key(ONE, 52)) == versions[52]
