"""The worker: a thread that refreshes what is due, on a real database and a real store."""

import queue
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from fbsync.database.inbox import DatabaseInbox
from fbsync.database.store_address import StoreAddress
from fbsync.errors import DatabaseUnavailable, FbsyncError
from fbsync.hallway.refresh import CLAIM_LIMIT, Outcome, Refresher
from fbsync.hallway.worker import Worker
from fbsync.page import PageId
from fbsync.ports import Claim, page_key
from fbsync.shutdown import Shutdown
from tests.hallway import DEADLINE, ONE, THREE, TWO, FailingInbox, World
from tests.servers import wait_until


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


class Reports:
    """What a worker reports, for a test that waits for it."""

    def __init__(self) -> None:
        self._reports: queue.SimpleQueue[Outcome | FbsyncError] = queue.SimpleQueue()

    def __call__(self, report: Outcome | FbsyncError) -> None:
        self._reports.put(report)

    def next(self) -> Outcome | FbsyncError:
        return self._reports.get(timeout=DEADLINE)

    def empty(self) -> bool:
        return self._reports.empty()


class WatchedInbox(DatabaseInbox):
    """Says how many pages each claim got."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database, world.clock)
        self._counts: queue.SimpleQueue[int] = queue.SimpleQueue()

    def claim(
        self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
    ) -> list[Claim]:
        claims = super().claim(limit, only, store)
        self._counts.put(len(claims))
        return claims

    def await_claim_of(self, count: int) -> None:
        while self._counts.get(timeout=DEADLINE) != count:
            pass


def working(world: World, inbox: DatabaseInbox, reports: Reports) -> Worker:
    refresher = Refresher(inbox, world.store, world.facebook.read_pages)
    return Worker(refresher, reports, Shutdown())


def test_a_worker_looks_when_woken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 3 * DEADLINE)
    inbox, reports = WatchedInbox(world), Reports()
    refresher = Refresher(inbox, world.store, world.facebook.read_pages)
    with Worker(refresher, reports, Shutdown()) as worker:
        inbox.await_claim_of(0)
        world.see(ONE, name="Bakery")
        worker.wake()
        outcome = reports.next()
        inbox.await_claim_of(0)
    assert isinstance(outcome, Outcome)
    assert (outcome.page_id, outcome.kind) == (ONE, "stored")


def test_a_worker_finds_marks_without_being_woken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 0.01)
    inbox, reports = WatchedInbox(world), Reports()
    with working(world, inbox, reports):
        inbox.await_claim_of(0)
        world.see(ONE, name="Bakery")
        outcome = reports.next()
    assert isinstance(outcome, Outcome)
    assert outcome.kind == "stored"


def test_a_worker_goes_on_while_pages_are_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 3 * DEADLINE)
    for number in range(1, CLAIM_LIMIT + 2):
        world.see(PageId(str(number)), name="Bakery")
    inbox, reports = WatchedInbox(world), Reports()
    with working(world, inbox, reports):
        inbox.await_claim_of(1)
        inbox.await_claim_of(0)
    assert world.inbox.status().versions == CLAIM_LIMIT + 1


def test_a_worker_outlives_an_outage_of_the_database_and_tells_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 0.01)
    world.see(ONE, name="Bakery")
    inbox, reports = FailingInbox(world, outages=2, finishes=True), Reports()
    with working(world, inbox, reports):
        said = [reports.next() for _ in range(3)]
    assert [type(report) for report in said] == [DatabaseUnavailable, DatabaseUnavailable, Outcome]


def test_a_worker_ends_after_the_pages_in_hand(world: World) -> None:
    reading, may_answer = threading.Event(), threading.Event()

    def answer_late() -> None:
        reading.set()
        assert may_answer.wait(DEADLINE)

    world.see(ONE, name="Bakery")
    world.facebook.before_answer = answer_late
    reports = Reports()
    with working(world, world.inbox, reports):
        assert reading.wait(DEADLINE)
        may_answer.set()
    assert not reports.empty()
    assert world.document(page_key(ONE)) == {"id": "1", "name": "Bakery"}


def test_pages_whose_read_hangs_at_the_end_are_given_up_for_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.END_SECONDS", 0.05)
    reading, may_answer = threading.Event(), threading.Event()

    def hang() -> None:
        reading.set()
        assert may_answer.wait(DEADLINE)

    world.see(ONE, name="Bakery")
    world.facebook.before_answer = hang
    reports = Reports()
    with working(world, world.inbox, reports):
        assert reading.wait(DEADLINE)
    (claim,) = world.inbox.claim(CLAIM_LIMIT)
    assert claim.page_id == ONE
    may_answer.set()
    outcome = reports.next()
    assert isinstance(outcome, Outcome)
    assert outcome.kind == "taken over"


def test_no_page_is_claimed_once_the_shutdown_has_begun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 3 * DEADLINE)
    shutdown, inbox, reports = Shutdown(), WatchedInbox(world), Reports()
    refresher = Refresher(inbox, world.store, world.facebook.read_pages)
    with Worker(refresher, reports, shutdown) as worker:
        inbox.await_claim_of(0)
        shutdown.begin()
        world.see(ONE, name="Bakery")
        worker.wake()
    assert reports.empty()
    assert world.inbox.status().waiting == 1


def test_an_unforeseen_error_ends_the_worker_and_is_raised(world: World) -> None:
    world.see(ONE, name="Bakery")
    shutdown = Shutdown()

    def report(outcome: object) -> None:
        raise RuntimeError("nobody foresaw this")

    refresher = Refresher(world.inbox, world.store, world.facebook.read_pages)
    with (
        pytest.raises(RuntimeError, match="nobody foresaw this"),
        Worker(refresher, report, shutdown),
    ):
        assert shutdown.wait(DEADLINE)


def test_a_burst_is_read_when_it_has_come_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 3 * DEADLINE)
    reading, may_answer = threading.Event(), threading.Event()

    def answer_late() -> None:
        reading.set()
        assert may_answer.wait(DEADLINE)

    world.facebook.before_answer = answer_late
    world.see(ONE, name="Bakery")
    inbox, reports = WatchedInbox(world), Reports()
    with working(world, inbox, reports) as worker:
        assert reading.wait(DEADLINE)
        for page in (TWO, THREE, TWO):
            world.see(page, name="Butcher")
            worker.wake()
        may_answer.set()
        inbox.await_claim_of(2)
    assert [sorted(asked) for asked in world.facebook.asked] == [[ONE], [TWO, THREE]]


def test_a_backlog_is_worked_off_whatever_events_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.QUIET_SECONDS", 3 * DEADLINE)
    monkeypatch.setattr("fbsync.hallway.worker.GATHER_SECONDS", 3 * DEADLINE)
    for number in range(1, 2 * CLAIM_LIMIT + 1):
        world.see(PageId(str(number)), name="Bakery")
    inbox, reports = WatchedInbox(world), Reports()
    with working(world, inbox, reports) as worker:
        worker.wake()
        inbox.await_claim_of(CLAIM_LIMIT)
        inbox.await_claim_of(CLAIM_LIMIT)
        inbox.await_claim_of(0)


def test_pages_that_come_again_and_again_are_a_burst_however_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.QUIET_SECONDS", 3 * DEADLINE)
    monkeypatch.setattr("fbsync.hallway.worker.GATHER_SECONDS", 3 * DEADLINE)
    pages = [PageId(str(number)) for number in range(1, CLAIM_LIMIT + 1)]

    def change_all() -> None:
        for page in pages:
            world.see(page, name=f"Bakery {len(world.facebook.asked)}")
        worker.wake()

    world.inbox.mark(pages, "webhook")
    world.facebook.before_answer = change_all
    inbox, reports = WatchedInbox(world), Reports()
    worker = working(world, inbox, reports)
    with worker:
        for _ in range(2):
            inbox.await_claim_of(CLAIM_LIMIT)
        for _ in range(2 * CLAIM_LIMIT):
            reports.next()
    assert len(world.facebook.asked) == 2


def test_a_burst_without_an_end_is_read_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 3 * DEADLINE)
    monkeypatch.setattr("fbsync.hallway.worker.QUIET_SECONDS", DEADLINE)
    monkeypatch.setattr("fbsync.hallway.worker.GATHER_SECONDS", 0.05)
    inbox, reports = WatchedInbox(world), Reports()
    stopped = threading.Event()
    with working(world, inbox, reports) as worker:
        inbox.await_claim_of(0)
        world.see(ONE, name="Bakery")

        def wake_again_and_again() -> None:
            while not stopped.is_set():
                worker.wake()

        noise = threading.Thread(target=wake_again_and_again)
        noise.start()
        try:
            inbox.await_claim_of(1)
        finally:
            stopped.set()
            noise.join()


def test_a_worker_whose_store_is_not_the_databases_any_more_leaves_the_pages_to_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 0.01)
    address = StoreAddress(world.database)
    for place in (world.store.address, "elsewhere"):
        address.move_to(place)
    inbox, reports = WatchedInbox(world), Reports()
    with working(world, inbox, reports) as worker:
        world.see(ONE, name="Bakery")
        looked_at = worker.looked_at
        wait_until(lambda: worker.looked_at > looked_at, "a look that takes nothing")
        assert reports.empty()
        address.move_to(world.store.address)
        outcome = reports.next()
    assert isinstance(outcome, Outcome)
    assert outcome.kind == "stored"
