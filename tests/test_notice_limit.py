"""Refusals on the terminal: some lines, and an exact count."""

from dataclasses import dataclass

import pytest

from fbsync.listener import Notice
from fbsync.notice_limit import LINES, WINDOW_SECONDS, NoticeLimit

FORGED = Notice("refused", "401")
EVENT = Notice("event", "recorded")


@dataclass
class Clock:
    time: float = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_flood_of_refusals_is_some_lines_and_a_count(clock: Clock) -> None:
    told: list[Notice] = []
    limit = NoticeLimit(told.append, clock)
    for _ in range(LINES + 990):
        limit(FORGED)
    assert told == [FORGED] * LINES
    clock.time += WINDOW_SECONDS
    limit(EVENT)
    assert told[LINES:] == [Notice("refused", "and 990 more requests before this"), EVENT]


def test_events_are_always_told(clock: Clock) -> None:
    told: list[Notice] = []
    limit = NoticeLimit(told.append, clock)
    for _ in range(LINES + 1):
        limit(FORGED)
    for _ in range(1000):
        limit(EVENT)
    assert told.count(EVENT) == 1000


def test_a_few_refusals_need_no_count(clock: Clock) -> None:
    told: list[Notice] = []
    limit = NoticeLimit(told.append, clock)
    for _ in range(3):
        limit(FORGED)
        clock.time += WINDOW_SECONDS
    assert told == [FORGED] * 3
