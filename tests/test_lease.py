"""The lease on pages in hand; see also test_refresh."""

import queue
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from fbsync.database.inbox import DatabaseInbox
from fbsync.errors import DatabaseUnavailable
from fbsync.hallway.lease import Lease, steady_seconds
from fbsync.hallway.refresh import CLAIM_LIMIT
from fbsync.page import PageId
from fbsync.ports import LEASE_SECONDS, Claim
from tests.buckets import keys_in
from tests.hallway import DEADLINE, ONE, Clock, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


class RenewingInbox(DatabaseInbox):
    """Says when renewals end; the first `failures` of them fail."""

    def __init__(self, world: World, failures: int = 0) -> None:
        super().__init__(world.database, world.clock)
        self._failures = failures
        self._renewals: queue.SimpleQueue[None] = queue.SimpleQueue()

    def renew(self, lease: str) -> frozenset[PageId]:
        if self._failures:
            self._failures -= 1
            self._renewals.put(None)
            raise DatabaseUnavailable("It is locked.")
        held = super().renew(lease)
        self._renewals.put(None)
        return held

    def await_renewals(self, count: int) -> None:
        for _ in range(count):
            self._renewals.get(timeout=DEADLINE)


@pytest.fixture
def quick_renewals(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renew every few milliseconds, while the lease itself lasts as long as the clock stands."""
    monkeypatch.setattr("fbsync.hallway.lease.LEASE_SECONDS", 0.04)
    monkeypatch.setattr("fbsync.hallway.lease.time", world.clock)


@pytest.mark.parametrize("failures", [0, 2])
@pytest.mark.usefixtures("quick_renewals")
def test_a_slow_read_keeps_its_lease_even_where_a_renewal_fails(
    world: World, failures: int
) -> None:
    inbox = RenewingInbox(world, failures)

    def read_slowly() -> None:
        inbox.await_renewals(failures + 1)
        world.clock.seconds += LEASE_SECONDS - 1
        inbox.await_renewals(2)
        world.clock.seconds += LEASE_SECONDS - 1
        inbox.await_renewals(2)
        assert world.inbox.claim(CLAIM_LIMIT) == []

    world.see(ONE, name="Bakery")
    world.facebook.before_answer = read_slowly
    assert [one.kind for one in world.refresh(inbox)] == ["stored"]


@pytest.mark.usefixtures("quick_renewals")
def test_a_renewal_that_finds_the_page_taken_over_ends_the_writing(world: World) -> None:
    # One inbox whose clock runs ahead takes the page; our own time stands still all the while.
    ahead = Clock()
    ahead.let_leases_run_out()
    inbox = RenewingInbox(world)

    def lose_the_page() -> None:
        assert len(DatabaseInbox(world.database, ahead).claim(CLAIM_LIMIT)) == 1
        inbox.await_renewals(3)

    world.see(ONE, name="Bakery")
    world.facebook.before_answer = lose_the_page
    assert [one.kind for one in world.refresh(inbox)] == ["taken over"]
    assert keys_in(world.store) == []


@pytest.mark.usefixtures("quick_renewals")
def test_a_lease_has_run_since_before_the_claim(world: World) -> None:
    lease = Lease(world.inbox, claims_of(world), world.clock.monotonic() - 0.03)
    assert lease.may_write(ONE)
    world.clock.seconds += 0.02
    assert not lease.may_write(ONE)


def test_a_claim_that_took_longer_than_its_lease_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SlowInbox(DatabaseInbox):
        def claim(
            self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
        ) -> list[Claim]:
            claims = super().claim(limit, only, store)
            world.clock.let_leases_run_out()
            return claims

    monkeypatch.setattr("fbsync.hallway.lease.time", world.clock)
    world.see(ONE, name="Bakery")
    assert [one.kind for one in world.refresh(SlowInbox(world.database, world.clock))] == [
        "taken over"
    ]
    assert keys_in(world.store) == []


def test_a_lease_runs_on_while_the_machine_sleeps_where_that_can_be_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.lease.time", world.clock)  # such as on a Mac
    assert steady_seconds() == world.clock.monotonic()

    class Awake(Clock):
        CLOCK_BOOTTIME = 7

        def clock_gettime(self, clock: int) -> float:
            assert clock == self.CLOCK_BOOTTIME
            return self.seconds + 3600

    awake = Awake()
    monkeypatch.setattr("fbsync.hallway.lease.time", awake)
    assert steady_seconds() == awake.seconds + 3600


def claims_of(world: World) -> list[Claim]:
    world.inbox.mark([ONE], "sync")
    return world.inbox.claim(CLAIM_LIMIT)
