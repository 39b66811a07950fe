"""The log of a long-running command: told from any thread, written by one of its own.

Who tells something never waits: lines go through a bounded queue, so a full pipe or a stopped
terminal holds up nothing. Lines for which there is no room are counted, and the count is told.
"""

import os
import queue
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from fbsync.console import Console
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import Outcome
from fbsync.logs.format import LogFormat
from fbsync.logs.limit import NoticeLimit
from fbsync.logs.line import (
    Level,
    LogLine,
    count_line,
    formatter,
    outcome_line,
    request_line,
)
from fbsync.notice import Notice

MAX_WAITING = 1000
STOP_SECONDS = 1.0
"""How long the end of a command may wait for somebody to read its last lines."""

_LOOK_SECONDS = 1.0  # for a window of the limit that is over

Write = Callable[[datetime, LogLine], None]


class Log:
    """Writes to the file descriptor `fd`, standard error, or each line by `write`.

    Use it as a context manager.
    """

    def __init__(
        self,
        chosen: LogFormat = LogFormat.TEXT,
        fd: int = 2,
        limit: NoticeLimit | None = None,
        write: Write | None = None,
    ) -> None:
        self._fd = fd
        self._write = write or self._writing(formatter(chosen, Console(quiet_results=True)))
        self._limit = limit or NoticeLimit()
        self._queue: queue.Queue[tuple[datetime, LogLine] | None] = queue.Queue(MAX_WAITING)
        self._lock = threading.Lock()
        self._ended = False
        self._dropped = 0
        self._told_of = 0
        # A thread that is stuck in a write must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="fbsync-log", daemon=True)

    def __enter__(self) -> "Log":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, if somebody takes it within STOP_SECONDS."""
        with self._lock:
            self._tell_left_out(at_the_end=True)
            self._ended = True
        with suppress(queue.Full):  # the writer looks at `_ended` as well
            self._queue.put_nowait(None)
        self._thread.join(STOP_SECONDS)

    @property
    def dropped(self) -> int:
        """Lines that were lost, as the queue was full or the file took nothing."""
        return self._dropped

    def request(self, notice: Notice) -> None:
        """A request to the listener."""
        # A refusal's first word, such as its status, is a kind of its own: no flood hides another.
        first = notice.detail.partition(" ")[0]
        kind = f"refused {first}" if notice.kind == "refused" else notice.kind
        self._tell(kind, lambda: request_line(notice))

    def outcome(self, found: Outcome | FbsyncError) -> None:
        """What the worker did."""
        kind = "database" if isinstance(found, FbsyncError) else f"outcome {found.kind}"
        self._tell(kind, lambda: outcome_line(found))

    def say(self, text: str, kind: str = "message", level: Level = "info") -> None:
        """A sentence for the operator."""
        self._tell(kind, lambda: LogLine(kind, text, level))

    def warn(self, text: str) -> None:
        """A sentence that asks the operator to do something."""
        self.say(text, "warning", "warning")

    def library(self, name: str, text: str, level: Level) -> None:
        """What the library of this name warns of."""
        line = LogLine("library", f"{name}: {text}", level, "library")
        self._tell(f"library {name}", lambda: line)

    def _tell(self, kind: str, line: Callable[[], LogLine]) -> None:
        with self._lock:
            self._tell_left_out()
            if self._limit.admits(kind):
                self._put(line())

    def _tell_left_out(self, *, at_the_end: bool = False) -> None:
        for kind, count in self._limit.left_out(at_the_end=at_the_end):
            self._put(count_line(kind, count))

    def _put(self, line: LogLine) -> None:
        try:
            self._queue.put_nowait((datetime.now(UTC), line))
        except queue.Full:
            self._dropped += 1

    def _run(self) -> None:
        while True:
            try:
                waiting = self._queue.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                with self._lock:
                    self._tell_left_out()
                    if self._ended:
                        return
                continue
            if waiting is not None:
                self._write(*waiting)
            if self._queue.empty():
                self._tell_dropped()
                if waiting is None:
                    return

    def _tell_dropped(self) -> None:
        with self._lock:
            count, self._told_of = self._dropped - self._told_of, self._dropped
        if count:
            text = f"{count:,} lines of this log were lost, as nobody took them."
            line = LogLine("warning", text, "warning", details={"lost": count})
            self._write(datetime.now(UTC), line)

    def _writing(self, as_text: Callable[[datetime, LogLine], str]) -> Write:
        def write(at: datetime, line: LogLine) -> None:
            data = as_text(at, line).encode("utf-8", "replace")
            try:
                while data:
                    data = data[self._write_some(data) :]
            except OSError:  # the reader is gone, or the disk is full
                with self._lock:
                    self._dropped += 1

        return write

    def _write_some(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:  # somebody else who has the file open switched waiting off
            select.select([], [self._fd], [])
            return 0
