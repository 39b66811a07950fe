"""The lease on pages in hand; see also test_refresh."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from fbsync.database.inbox import DatabaseInbox
from fbsync.errors import DatabaseUnavailable
from fbsync.page import PageId
from fbsync.ports import LEASE_SECONDS
from fbsync.refresh import CLAIM_LIMIT
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
    monkeypatch.setattr("fbsync.lease.LEASE_SECONDS", 0.04)
    monkeypatch.setattr("fbsync.lease.time", world.clock)


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
    assert list(world.store.list("")) == []
