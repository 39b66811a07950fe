"""The inbox's clock: what is given, else a server's own; and a clock that is set back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.inbox_clock import InboxClock
from fbsync.page import PageId
from fbsync.ports import LEASE_SECONDS

ONE = PageId("1")
AN_HOUR = 3600.0


def shown(clock: InboxClock, database: Database, at: datetime | None = None) -> float:
    with database.read() as connection:
        time = clock.at(at) if at else clock.current()
        return float(connection.execute(select(time)).scalar_one())


def test_a_clock_that_is_given_decides(database: Database) -> None:
    clock = InboxClock(database, lambda: 1000.5)
    assert shown(clock, database) == 1000.5
    assert shown(clock, database, datetime.fromtimestamp(2000.25, UTC)) == 2000.25


@pytest.fixture
def wrong_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[], datetime]:
    """This machine's clock is an hour slow."""
    right = datetime.now

    def now() -> datetime:
        return right(UTC) - timedelta(seconds=AN_HOUR)

    monkeypatch.setattr("fbsync.database.inbox_clock.time.time", lambda: now().timestamp())
    return now


def test_machines_whose_clocks_differ_share_that_of_the_server(
    postgresql_database: Database, wrong_clock: Callable[[], datetime]
) -> None:
    clock = InboxClock(postgresql_database, None)
    right = datetime.now(UTC).timestamp()
    assert abs(shown(clock, postgresql_database) - right) < AN_HOUR / 2
    in_a_minute = wrong_clock() + timedelta(minutes=1)
    assert abs(shown(clock, postgresql_database, in_a_minute) - right) < AN_HOUR / 2


def test_a_page_that_a_machine_with_a_slow_clock_holds_is_not_taken_over(
    postgresql_database: Database, wrong_clock: Callable[[], datetime]
) -> None:
    slow = DatabaseInbox(postgresql_database)
    slow.mark([ONE], "sync")
    (claim,) = slow.claim(1)
    right = DatabaseInbox(postgresql_database, lambda: datetime.now(UTC).timestamp())
    assert right.claim(1) == []
    assert slow.renew(claim.lease) == {ONE}
    assert right.claim(1) == []


@pytest.mark.parametrize(("seconds", "is_free"), [(LEASE_SECONDS - 1, False), (AN_HOUR, True)])
def test_a_lease_of_a_clock_that_was_set_back_far_is_over(
    database: Database, seconds: float, is_free: bool
) -> None:
    times = [10_000.0]
    inbox = DatabaseInbox(database, lambda: times[0])
    inbox.mark([ONE], "sync")
    inbox.claim(1)
    times[0] -= seconds
    assert bool(inbox.claim(1)) is is_free
