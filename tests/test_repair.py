"""Drift that is mended beside running workers: nothing older ever replaces what is newer."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fbsync.database.inbox import DatabaseInbox
from fbsync.errors import DatabaseUnavailable, StoreUnavailable
from fbsync.hallway.refresh import CLAIM_LIMIT
from fbsync.page import PageId
from fbsync.ports import StoredObject, history_key, page_key
from tests.drifting import contents, damage, mirror, repair_of, suspicion, told
from tests.hallway import DEADLINE, ONE, THREE, TWO, Store, World

PAGE, FIRST, SECOND = page_key(ONE), history_key(ONE, 1), history_key(ONE, 2)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    monkeypatch.setattr("fbsync.hallway.lease.time", made.clock)
    yield made
    made.database.close()


class Sleep:
    """The time of a repair that waits; others act meanwhile, and it takes no time of ours."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.meanwhile: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        assert self.slept < 1000, "it waits for ever"
        self.meanwhile()


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Sleep:
    made = Sleep()
    monkeypatch.setattr("fbsync.verification.repair.time", made)
    return made


class WatchedStore(Store):
    """Calls `before_head` once, before it looks at an object, and `after_head` after that key's."""

    before_head: Callable[[], object] | None = None

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.after_head: dict[str, Callable[[], object]] = {}

    def head(self, key: str) -> StoredObject | None:
        act, self.before_head = self.before_head, None
        if act:
            act()
        found = super().head(key)
        self.after_head.pop(key, lambda: None)()
        return found


def rewrite(world: World, page: PageId, name: str) -> None:
    """A worker stores a newer version."""
    world.see(page, name=name)
    worker = DatabaseInbox(world.database, world.clock)
    assert [outcome.kind for outcome in world.refresh(worker)] == ["stored"]


def test_drift_is_mended_and_the_page_is_free_and_as_it_was(world: World) -> None:
    mirror(world, ONE, versions=2)
    rows, whole = world.inbox.pages(), contents(world.store)
    for key in whole:
        damage(world.store, key, "truncated")
    found = repair_of(world).settle([suspicion(key) for key in sorted(whole)])
    assert told(found) == [(key, "truncated", "repaired") for key in sorted(whole)]
    assert contents(world.store) == whole
    assert world.inbox.pages() == rows
    assert world.inbox.claim(CLAIM_LIMIT) == []


def test_what_a_worker_wrote_since_the_listing_is_no_drift(world: World) -> None:
    mirror(world, ONE)
    outdated = [suspicion(PAGE), suspicion(SECOND, "unknown")]
    rewrite(world, ONE, "Newer")
    newer = contents(world.store)
    assert repair_of(world).settle(outdated) == []
    assert contents(world.store) == newer


def test_a_worker_that_comes_between_look_and_write_finds_the_page_leased(world: World) -> None:
    mirror(world, ONE)
    damage(world.store, PAGE, "altered")
    store = WatchedStore(world.store._folder.parent)
    refreshed: list[object] = []

    def come() -> None:
        world.see(ONE, name="Newer")
        refreshed.extend(world.refresh(DatabaseInbox(world.database, world.clock)))

    store.before_head = come
    assert told(repair_of(world, store=store).settle([suspicion(PAGE)])) == [
        (PAGE, "altered", "repaired")
    ]
    assert refreshed == []
    assert world.refresh_one().kind == "stored"
    assert world.document(PAGE) == {"id": ONE, "name": "Newer"}


@pytest.mark.parametrize("key", [PAGE, SECOND])
def test_a_lease_that_is_lost_before_the_write_leaves_the_newer_page(
    world: World, key: str
) -> None:
    mirror(world, ONE)
    damage(world.store, PAGE, "altered")
    store = WatchedStore(world.store._folder.parent)

    def stall() -> None:
        world.clock.let_leases_run_out()
        rewrite(world, ONE, "Newer")

    store.after_head[key] = stall  # either of the two looks that lead to a write
    found = repair_of(world, store=store).settle([suspicion(PAGE)])
    assert world.document(PAGE) == {"id": ONE, "name": "Newer"}
    assert (found, store.puts) == ([], [])  # by then it was in order


def test_a_write_that_outlasts_its_lease_is_looked_at_again(world: World) -> None:
    mirror(world, ONE)
    damage(world.store, PAGE, "altered")

    def stall() -> None:
        world.clock.let_leases_run_out()
        rewrite(world, ONE, "Newer")

    world.store.before_put[len(world.store.puts) + 1] = stall
    repair_of(world).settle([suspicion(PAGE)])
    world.refresh()
    assert world.document(PAGE) == {"id": ONE, "name": "Newer"}


def test_it_waits_for_a_worker_that_has_the_page_in_hand(world: World, sleep: Sleep) -> None:
    mirror(world, ONE)
    damage(world.store, FIRST, "altered")
    world.see(ONE, name="Newer")
    claim, looked = world.inbox.claim(CLAIM_LIMIT), []

    def let_go() -> None:
        looked.append(world.store.get(FIRST))
        world.inbox.release(claim[0], is_written=False)
        world.refresh()

    sleep.meanwhile = let_go
    found = repair_of(world).settle([suspicion(FIRST), suspicion(PAGE)])
    assert told(found) in ([(FIRST, "altered", "repaired")], [])  # the worker may have mended it
    assert world.document(PAGE) == {"id": ONE, "name": "Newer"}
    assert world.document(FIRST) is not None


def test_a_page_that_a_worker_keeps_is_named_and_left_to_it(world: World, sleep: Sleep) -> None:
    mirror(world, ONE, TWO)
    for page in (ONE, TWO):
        damage(world.store, page_key(page), "altered")
    world.see(ONE, name="Newer")
    world.inbox.claim(CLAIM_LIMIT)
    before = world.store.get(PAGE)
    found = repair_of(world).settle([suspicion(PAGE), suspicion(page_key(TWO))])
    assert told(found) == [
        (PAGE, "altered", "not repaired"),
        (page_key(TWO), "altered", "repaired"),
    ]
    assert "Another worker" in str(found[0].reason)
    assert world.store.get(PAGE) == before


def test_a_parked_page_is_mended_and_stays_parked(world: World) -> None:
    mirror(world, ONE)
    world.see(ONE, name="Gone")
    world.inbox.park(world.inbox.claim(1)[0], "gone")
    whole = contents(world.store)
    damage(world.store, PAGE, "altered")
    assert told(repair_of(world).settle([suspicion(PAGE)])) == [(PAGE, "altered", "repaired")]
    assert contents(world.store) == whole
    assert world.inbox.pages()[ONE].parked


def test_a_page_of_which_the_store_has_a_newer_version_is_read_again(world: World) -> None:
    mirror(world, ONE)
    newer = (world.store.get(PAGE) or b"").swapcase()
    world.store.put(SECOND, b"a version")
    world.store.put(PAGE, newer)
    found = repair_of(world).settle([suspicion(SECOND, "unknown"), suspicion(PAGE)])
    assert told(found) == [(SECOND, "unknown", "read again"), (PAGE, "altered", "read again")]
    assert world.store.get(PAGE) == newer
    (claim,) = world.inbox.claim(CLAIM_LIMIT)
    assert claim.last is not None
    assert claim.last.digest is None  # so that the worker looks at the store


def test_a_write_that_failed_is_named_and_the_page_is_read_again(world: World) -> None:
    mirror(world, ONE)
    damage(world.store, PAGE, "altered")

    def fail() -> None:
        raise StoreUnavailable("It is full.")

    world.store.before_put[len(world.store.puts) + 1] = fail
    (drift,) = repair_of(world).settle([suspicion(PAGE)])
    assert (drift.remedy, drift.reason) == ("not repaired", "It is full.")
    (claim,) = world.inbox.claim(CLAIM_LIMIT)  # as the write may arrive late
    assert claim.last is not None
    assert claim.last.digest is None


def test_a_store_that_does_not_answer_for_one_object_stops_no_other(world: World) -> None:
    mirror(world, ONE)
    store = WatchedStore(world.store._folder.parent)
    damage(store, PAGE, "altered")

    def fail() -> None:
        raise StoreUnavailable("No answer.")

    store.before_head = fail
    found = repair_of(world, store=store).settle([suspicion(FIRST), suspicion(PAGE)])
    assert told(found) == [(FIRST, "altered", "not repaired"), (PAGE, "altered", "repaired")]


def test_objects_of_a_page_that_the_database_does_not_know_are_left_alone(world: World) -> None:
    found = repair_of(world).settle([suspicion("7/page_data.json", "unknown")])
    assert told(found) == [("7/page_data.json", "unknown", "left alone")]
    assert world.inbox.pages() == {}


def test_a_database_that_goes_away_ends_it_and_no_page_stays_leased(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = (ONE, TWO, THREE)
    mirror(world, *pages)

    def fail(page: PageId, number: int) -> bytes:
        raise DatabaseUnavailable("It is gone.")

    repair = repair_of(world)
    monkeypatch.setattr(repair._second_look, "_document", fail)
    with pytest.raises(DatabaseUnavailable):
        repair.settle([suspicion(history_key(page, 1)) for page in pages])
    assert len(world.inbox.hold(pages)) == 3


def test_pages_are_mended_in_several_threads(world: World) -> None:
    pages = (ONE, TWO, THREE)
    mirror(world, *pages)
    for page in pages:
        damage(world.store, page_key(page), "altered")
    together = threading.Barrier(len(pages), timeout=DEADLINE)

    def meet() -> None:
        together.wait()

    puts = len(world.store.puts)
    world.store.before_put |= {puts + number: meet for number in range(1, len(pages) + 1)}
    found = repair_of(world).settle([suspicion(page_key(page)) for page in pages])
    assert [drift.remedy for drift in found] == ["repaired"] * len(pages)


def test_a_dry_run_names_what_a_repair_would_mend_and_writes_nothing(world: World) -> None:
    mirror(world, ONE, TWO)
    damage(world.store, PAGE, "altered")
    world.store.put(history_key(TWO, 2), b"a version")
    rows, before, puts = world.inbox.pages(), contents(world.store), len(world.store.puts)
    suspicions = [suspicion(FIRST), suspicion(PAGE), suspicion(history_key(TWO, 2), "unknown")]
    found = repair_of(world, dry_run=True).settle(suspicions)
    assert told(found) == [(PAGE, "altered", "named"), (history_key(TWO, 2), "unknown", "named")]
    assert (world.inbox.pages(), contents(world.store)) == (rows, before)
    assert len(world.store.puts) == puts


def test_a_dry_run_counts_no_look_at_a_page_that_a_worker_wrote_meanwhile(
    world: World, sleep: Sleep
) -> None:
    mirror(world, ONE)
    damage(world.store, PAGE, "altered")
    store = WatchedStore(world.store._folder.parent)
    store.before_head = lambda: rewrite(world, ONE, "Newer")
    assert repair_of(world, dry_run=True, store=store).settle([suspicion(PAGE)]) == []


def test_a_dry_run_waits_for_a_worker_too(world: World, sleep: Sleep) -> None:
    mirror(world, ONE)
    world.clock.seconds = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
    world.see(ONE, name="Newer")
    (claim,) = world.inbox.claim(CLAIM_LIMIT)
    world.store.put(SECOND, b"half of its work")
    sleep.meanwhile = lambda: None
    (drift,) = repair_of(world, dry_run=True).settle([suspicion(SECOND, "unknown")])
    assert "Another worker" in str(drift.reason)
    world.inbox.release(claim, is_written=True)
