"""Work that is done again and again: when, until when, and what ends it not."""

import threading
from collections.abc import Callable

import pytest

from fbsync import periodic
from fbsync.periodic import JITTER, Periodic, spread
from tests.hallway import DEADLINE


class Working(Periodic):
    """Does what it is given, and gives what that gives."""

    def __init__(
        self, seconds: float, do: Callable[[], float | None], failed: Callable[[str], None]
    ) -> None:
        super().__init__("work", seconds, failed)
        self._do = do

    def work(self) -> float | None:
        return self._do()


def test_an_interval_is_spread_a_little_to_both_sides() -> None:
    found = [spread(100.0) for _ in range(200)]
    assert all(100 * (1 - JITTER) <= seconds <= 100 * (1 + JITTER) for seconds in found)
    assert min(found) < 100.0 < max(found)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "fbsync-work"]


def test_it_works_at_once_and_again_until_the_end_of_the_block() -> None:
    times = threading.Semaphore(0)
    with Working(0.001, times.release, pytest.fail) as working:
        for _ in range(3):
            assert times.acquire(timeout=DEADLINE)
        assert not working.ended.is_set()
    assert working.ended.is_set()
    assert threads() == []


def test_the_work_says_how_long_to_rest() -> None:
    twice = threading.Barrier(2)
    rests = iter([0.001, 3600.0])

    def do() -> float:
        twice.wait(DEADLINE)
        return next(rests)

    with Working(3600.0, do, pytest.fail):
        twice.wait(DEADLINE)
        twice.wait(DEADLINE)
    assert threads() == []


def test_an_error_that_nobody_foresaw_is_told_without_its_text_and_it_goes_on() -> None:
    told: list[str] = []
    again = threading.Event()

    def do() -> None:
        if told:
            again.set()
            return
        raise LookupError("a-secret")

    with Working(0.001, do, told.append):
        assert again.wait(DEADLINE)
    assert len(told) == 1
    assert told[0].startswith("work: LookupError at test_periodic.py:")
    assert "a-secret" not in told[0]


def test_work_that_hangs_holds_up_no_end_and_tells_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(periodic, "STOP_SECONDS", 0.01)
    begun, go = threading.Event(), threading.Event()

    def do() -> None:
        begun.set()
        go.wait(DEADLINE)
        raise LookupError

    with Working(3600.0, do, pytest.fail):
        assert begun.wait(DEADLINE)
    (hanging,) = threads()
    assert hanging.daemon
    go.set()
    hanging.join(DEADLINE)
    assert not hanging.is_alive()
