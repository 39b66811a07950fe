"""When nothing more is taken in, and what is said then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fbsync.backlog import Backlog
from fbsync.errors import DatabaseUnavailable
from fbsync.listening.back_pressure import MAX_AGE, BackPressure, refusal
from fbsync.ports import InboxStatus
from fbsync.settings.limits import RESERVE_BYTES, Limits

LIMITS = Limits(max_waiting=100, max_database_bytes=10**9)
STATUS = InboxStatus(
    deliveries=100,
    pages=100,
    waiting=100,
    leased=0,
    parked=0,
    versions=0,
    events=100,
    waiting_since=None,
)
AT = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN = Backlog(STATUS, 10**9, RESERVE_BYTES, AT)


def test_up_to_the_limits_all_is_taken() -> None:
    assert refusal(WITHIN, LIMITS) is None


def test_a_disk_that_is_not_known_limits_nothing() -> None:
    assert refusal(replace(WITHIN, free_bytes=None), LIMITS) is None


@pytest.mark.parametrize(
    ("backlog", "words"),
    [
        (replace(WITHIN, status=replace(STATUS, events=101)), "101 events.*FBSYNC_MAX_WAITING"),
        (replace(WITHIN, database_bytes=10**9 + 1), "1.0 GB.*FBSYNC_MAX_DATABASE"),
        (replace(WITHIN, free_bytes=RESERVE_BYTES - 1), "67.1 MB are free"),
    ],
)
def test_above_one_of_them_it_is_said_which_and_what_to_do(backlog: Backlog, words: str) -> None:
    pressure = BackPressure(LIMITS, lambda: backlog, lambda: AT)
    with pytest.raises(DatabaseUnavailable, match=words) as caught:
        pressure.admit()
    assert caught.value.fault == "limit"
    assert str(caught.value) == pressure.refusal()
    assert len(str(caught.value).splitlines()) == 2


def test_before_the_first_look_all_is_taken() -> None:
    pressure = BackPressure(LIMITS, lambda: None)
    pressure.admit()
    assert pressure.refusal() is None


def test_it_follows_the_newest_look() -> None:
    looks = [replace(WITHIN, free_bytes=0), WITHIN]
    pressure = BackPressure(LIMITS, lambda: looks[0], lambda: AT)
    assert pressure.refusal()
    looks.pop(0)
    assert pressure.refusal() is None


def test_a_refusal_ends_where_nobody_could_look_for_long() -> None:
    now = [AT + MAX_AGE]
    pressure = BackPressure(LIMITS, lambda: replace(WITHIN, free_bytes=0), lambda: now[0])
    assert pressure.refusal()
    now[0] += timedelta(seconds=1)
    pressure.admit()
    assert pressure.refusal() is None
