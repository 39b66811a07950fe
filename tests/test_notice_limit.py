"""Refusals on the terminal: some lines, and an exact count."""

import signal
from dataclasses import dataclass

import httpx
import pytest

from fbsync.listener import Notice
from fbsync.notice_limit import LINES, WINDOW_SECONDS, NoticeLimit
from tests.fbsync_process import listener, log_text
from tests.servers import free_port

FORGED = Notice("refused", "401 The signature does not fit.")
LOCKED = Notice("refused", "503 Not recorded, send it again.")
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
    assert told[LINES:] == [Notice("refused", "401 and 990 more of these"), EVENT]


def test_a_flood_of_one_kind_hides_no_other(clock: Clock) -> None:
    told: list[Notice] = []
    limit = NoticeLimit(told.append, clock)
    for _ in range(LINES + 1):
        limit(FORGED)
    limit(LOCKED)
    assert told == [*[FORGED] * LINES, LOCKED]


def test_the_end_tells_what_was_left_out(clock: Clock) -> None:
    told: list[Notice] = []
    with NoticeLimit(told.append, clock) as limit:
        for _ in range(LINES + 2):
            limit(FORGED)
    assert told[LINES:] == [Notice("refused", "401 and 2 more of these")]


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


def test_a_listener_counts_what_it_leaves_out() -> None:
    settings = {
        "FACEBOOK_APP_ID": "123456789012345",
        "FACEBOOK_APP_SECRET": "0123456789abcdef",
        "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
    }
    port = free_port()
    with listener(port, **settings) as process:
        url = f"http://127.0.0.1:{port}/facebook/webhook"
        with httpx.Client(trust_env=False) as client:
            for _ in range(3 * LINES):
                assert client.post(url, content=b"{}").status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    shown = [line for line in log_text().splitlines() if line.startswith("refused")]
    counts = [int(line.split(" and ")[1].split()[0]) for line in shown if "more of these" in line]
    assert len(shown) - len(counts) + sum(counts) == 3 * LINES
    assert counts
