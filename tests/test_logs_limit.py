"""Lines of a log: some of each kind, and an exact count."""

from dataclasses import dataclass

import pytest

from fbsync.logs.limit import LINES, REFUSED_LINES, WINDOW_SECONDS, NoticeLimit

FORGED, LOCKED, EVENT = "refused 401", "refused 503", "event"


@dataclass
class Clock:
    time: float = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> NoticeLimit:
    return NoticeLimit(clock)


@pytest.mark.parametrize(("kind", "lines"), [(FORGED, REFUSED_LINES), (EVENT, LINES)])
def test_a_flood_is_some_lines_and_an_exact_count(
    limit: NoticeLimit, clock: Clock, kind: str, lines: int
) -> None:
    admitted = [limit.admits(kind) for _ in range(lines + 4990)]
    assert admitted == [True] * lines + [False] * 4990
    assert limit.left_out() == []
    clock.time += WINDOW_SECONDS
    assert limit.left_out() == [(kind, 4990)]
    assert limit.left_out() == []


def test_a_flood_of_one_kind_hides_no_other(limit: NoticeLimit) -> None:
    for _ in range(LINES + 1):
        limit.admits(FORGED)
    assert limit.admits(LOCKED)
    assert limit.admits(EVENT)


def test_the_end_tells_what_was_left_out_before_the_window_is_over(limit: NoticeLimit) -> None:
    for _ in range(REFUSED_LINES + 2):
        limit.admits(FORGED)
    assert limit.left_out(at_the_end=True) == [(FORGED, 2)]


def test_a_few_need_no_count_and_each_window_admits_anew(limit: NoticeLimit, clock: Clock) -> None:
    for _ in range(3):
        assert [limit.admits(FORGED) for _ in range(REFUSED_LINES)] == [True] * REFUSED_LINES
        clock.time += WINDOW_SECONDS
        assert limit.left_out() == []
