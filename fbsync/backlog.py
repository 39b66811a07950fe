"""Looks every few seconds how much waits and how much room it takes."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fbsync.database.size import DatabaseSize
from fbsync.errors import DatabaseUnavailable
from fbsync.ports import InboxStatus

LOOK_SECONDS = 5.0
REST_FACTOR = 100
"""A look at a million rows takes a third of a second, and on SQLite commits wait for it: rest this
many times as long as it took, so that not one in a hundred does."""


@dataclass(frozen=True)
class Backlog:
    """What one look found. `free_bytes` is None where the database is on another machine.

    `last_sync_at` is when all pages were last polled, None before the first time.
    """

    status: InboxStatus
    database_bytes: int
    free_bytes: int | None
    seen_at: datetime
    last_sync_at: datetime | None = None
    dead: int = 0  # letters


class BacklogWatch:
    """A thread that looks at the start of the block, and then every `seconds` until its end.

    `newest` is what the last look found. It stays where the database does not answer (its
    `seen_at` tells), and is None until the first answer.
    """

    def __init__(
        self,
        status: Callable[[], InboxStatus],
        size: Callable[[], DatabaseSize],
        seconds: float | None = None,
        last_sync: Callable[[], datetime | None] = lambda: None,
        dead: Callable[[], int] = lambda: 0,
    ) -> None:
        self._status = status
        self._size = size
        self._seconds = LOOK_SECONDS if seconds is None else seconds
        self._last_sync = last_sync
        self._dead = dead
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fbsync-backlog")
        self.newest: Backlog | None = None

    def __enter__(self) -> "BacklogWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        rest = 0.0
        while not self._ended.wait(rest):
            begun = time.monotonic()
            self._look()
            rest = max(self._seconds, REST_FACTOR * (time.monotonic() - begun))

    def _look(self) -> None:
        try:
            status, size = self._status(), self._size()
            synced, dead = self._last_sync(), self._dead()
        except DatabaseUnavailable:
            return  # whoever needs the database tells of it
        now = datetime.now(UTC)
        self.newest = Backlog(status, size.used_bytes, size.free_bytes, now, synced, dead)
