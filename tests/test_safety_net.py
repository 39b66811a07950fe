"""When a listener polls all pages; the poll itself: test_sync_process."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fbsync.errors import GraphUnavailable
from fbsync.periodic import JITTER
from fbsync.sync.safety_net import SafetyNet

HOUR = timedelta(hours=1)
WAIT = 30.0


def net(
    last: datetime | None, sync: Callable[[Callable[[], bool]], bool], told: list[str]
) -> SafetyNet:
    return SafetyNet(HOUR, lambda: last, sync, told.append)


def test_it_polls_where_the_last_sync_is_old_or_unknown_and_rests_about_an_hour() -> None:
    polls: list[object] = []

    def sync(ends: Callable[[], bool]) -> bool:
        polls.append(ends())
        return True

    ahead = datetime.now(UTC) + timedelta(days=3650)  # by a clock that was mended since
    for last in (None, datetime.now(UTC) - timedelta(hours=2), ahead):
        rest = net(last, sync, []).work()
        assert abs(rest - 3600) <= JITTER * 3600
    assert polls == [False, False, False]


def test_it_waits_for_the_rest_of_the_hour_after_anybodys_sync() -> None:
    def sync(ends: Callable[[], bool]) -> bool:
        raise AssertionError("too early")

    rest = net(datetime.now(UTC) - timedelta(minutes=30), sync, []).work()
    assert abs(rest - 1800) <= JITTER * 3600 + 1


def test_a_poll_that_fails_is_told_and_tried_again_later() -> None:
    def sync(ends: Callable[[], bool]) -> bool:
        raise GraphUnavailable("Facebook does not answer.")

    told: list[str] = []
    assert net(None, sync, told).work() > 3000
    assert told == [
        "The poll of all pages failed, and is tried again later: Facebook does not answer."
    ]


def test_the_end_of_the_block_ends_a_poll_early() -> None:
    begun, ended = threading.Event(), threading.Event()

    def sync(ends: Callable[[], bool]) -> bool:
        begun.set()
        while not ends():
            threading.Event().wait(0.01)
        ended.set()
        return True

    with net(None, sync, []):
        assert begun.wait(WAIT)
    assert ended.wait(WAIT)
