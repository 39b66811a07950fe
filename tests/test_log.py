"""The log: exact, in order, and never in anybody's way. On real pipes."""

import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from fbsync.errors import DatabaseUnavailable
from fbsync.hallway.refresh import Outcome
from fbsync.logs.format import LogFormat
from fbsync.logs.limit import LINES, REFUSED_LINES, NoticeLimit
from fbsync.logs.log import MAX_WAITING, Log
from fbsync.notice import Notice
from fbsync.page import PageId
from tests.servers import READY_SECONDS, wait_until
from tests.test_logs_limit import Clock

EVENT = Notice("event", "abc recorded; pages: 1", 200, "abc", (PageId("1"),), 0.01)
FORGED = Notice("refused", "401 The signature does not fit.", 401)
LONG = "x" * 4000
MORE_THAN_A_PIPE_TAKES = 64


class Unlimited(NoticeLimit):
    """Admits everything, so that the queue is what is tested."""

    def admits(self, kind: str) -> bool:
        return True


@dataclass
class Reader:
    """The other end of a pipe: `text` is all that came, once it is read."""

    end: int
    text: str = ""
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while part := os.read(self.end, 1 << 16):
            self.text += part.decode()

    def lines(self) -> list[str]:
        return self.text.splitlines()


@dataclass
class Pipe:
    """A pipe to write to; `reader` reads once it is started."""

    fd: int
    reader: Reader

    def read_to_the_end(self) -> list[str]:
        """Whatever was written; nothing more can be."""
        os.close(self.fd)
        self.fd = -1
        if self.reader.thread.ident is None:
            self.reader.thread.start()
        self.reader.thread.join(READY_SECONDS)
        return self.reader.lines()


@pytest.fixture(autouse=True)
def no_hurry_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than STOP_SECONDS to write some hundred lines."""
    monkeypatch.setattr("fbsync.logs.log.STOP_SECONDS", READY_SECONDS)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    end, fd = os.pipe()
    made = Pipe(fd, Reader(end))
    yield made
    if made.fd >= 0:
        made.read_to_the_end()
    os.close(end)


def test_what_is_told_is_written_in_order_before_the_block_is_left(pipe: Pipe) -> None:
    with Log(LogFormat.TEXT, pipe.fd) as log:
        log.say("Started.")
        log.request(EVENT)
        log.outcome(Outcome(PageId("1"), "unchanged"))
        log.outcome(DatabaseUnavailable("It is locked."))
        log.warn("Take care.\nNow.")
    assert pipe.read_to_the_end() == [
        "Started.",
        "event     abc recorded; pages: 1",
        "unchanged page 1",
        "database  It is locked.",
        "Take care.",
        "Now.",
    ]


def test_as_json_each_line_is_one_object_with_its_kind_and_level(pipe: Pipe) -> None:
    with Log(LogFormat.JSON, pipe.fd) as log:
        log.say("Started.", "started")
        log.request(FORGED)
        log.warn("Take care.\nNow.")
        log.library("uvicorn.error", "Invalid HTTP request received.", "warning")
    found = [json.loads(line) for line in pipe.read_to_the_end()]
    assert [(line["kind"], line["level"]) for line in found] == [
        ("started", "info"),
        ("refused", "warning"),
        ("warning", "warning"),
        ("library", "warning"),
    ]


def test_a_flood_is_some_lines_and_an_exact_count(pipe: Pipe) -> None:
    clock = Clock()
    with Log(LogFormat.TEXT, pipe.fd, NoticeLimit(clock)) as log:
        for _ in range(5000):
            log.request(EVENT)
        for _ in range(30):
            log.request(FORGED)
        clock.time += 60
        log.say("Later.")
    lines = pipe.read_to_the_end()
    assert lines.count("event     abc recorded; pages: 1") == LINES
    assert lines.count("refused   401 The signature does not fit.") == REFUSED_LINES
    assert lines[-3:] == [
        f"event     and {5000 - LINES:,} more of these",
        f"refused   401 and {30 - REFUSED_LINES} more of these",
        "Later.",
    ]


def test_a_flood_that_ends_is_counted_without_anything_that_follows(pipe: Pipe) -> None:
    clock = Clock()
    pipe.reader.thread.start()
    with Log(LogFormat.TEXT, pipe.fd, NoticeLimit(clock)) as log:
        for _ in range(LINES + 7):
            log.request(EVENT)
        clock.time += 60
        wait_until(lambda: "and 7 more of these" in pipe.reader.text, "the count")


def test_who_tells_never_waits_and_what_was_lost_is_counted_once_it_drains(pipe: Pipe) -> None:
    told = MAX_WAITING + 500
    with Log(LogFormat.TEXT, pipe.fd, Unlimited()) as log:
        for number in range(told):
            log.say(f"{number} {LONG}")
        assert log.dropped >= 500 - MORE_THAN_A_PIPE_TAKES
        pipe.reader.thread.start()
        wait_until(lambda: "were lost" in pipe.reader.text, "the count")
        lost = log.dropped
    lines = pipe.read_to_the_end()
    written = [line for line in lines if line.endswith(LONG)]
    assert len(written) + lost == told
    assert [line for line in lines if "were lost" in line] == [
        f"{lost} lines of this log were lost, as nobody took them."
    ]


def test_the_end_waits_for_no_reader(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbsync.logs.log.STOP_SECONDS", 0.05)
    with Log(LogFormat.TEXT, pipe.fd, Unlimited()) as log:
        for _ in range(2 * MAX_WAITING):
            log.say(LONG)
    assert log.dropped > 0
    pipe.reader.thread.start()
    wait_until(lambda: "fbsync-log" not in {one.name for one in threading.enumerate()}, "its end")


def test_a_reader_that_is_gone_ends_nothing() -> None:
    end, fd = os.pipe()
    os.close(end)
    with Log(LogFormat.TEXT, fd) as log:
        log.request(EVENT)
        wait_until(lambda: log.dropped > 0, "the loss")
        log.request(EVENT)
    os.close(fd)


def test_a_pipe_that_does_not_wait_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.fd, False)
    with Log(LogFormat.TEXT, pipe.fd, Unlimited()) as log:
        for number in range(200):
            log.say(f"{number} {LONG}")
        pipe.reader.thread.start()
    assert len(pipe.read_to_the_end()) == 200
    assert log.dropped == 0


def test_many_threads_lose_no_line_and_mix_none(pipe: Pipe) -> None:
    pipe.reader.thread.start()
    with Log(LogFormat.TEXT, pipe.fd, Unlimited()) as log:

        def tell() -> None:
            for _ in range(100):
                log.request(EVENT)

        threads = [threading.Thread(target=tell) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert pipe.read_to_the_end() == ["event     abc recorded; pages: 1"] * 800


def test_a_log_with_a_writer_of_its_own_leaves_standard_error_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    lines: list[str] = []
    with Log(write=lambda _, line: lines.append(line.text)) as log:
        log.warn("One.")
    assert lines == ["One."]
