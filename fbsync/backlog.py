"""Looks every few seconds how much waits and how much room it takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fbsync.database.size import DatabaseSize
from fbsync.errors import DatabaseUnavailable
from fbsync.periodic import Periodic
from fbsync.ports import InboxStatus

LOOK_SECONDS = 5.0
REST_FACTOR = 100
"""A look at a million rows takes a third of a second, and on SQLite commits wait for it: rest this
many times as long as it took, so that not one in a hundred does."""
LONGEST_REST_SECONDS = 60.0


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


class BacklogWatch(Periodic):
    """Looks at the start of the block, and then every `seconds` until its end.

    `newest` is what the last look found. It stays where the database does not answer (its
    `seen_at` tells), and is None until the first answer. `warn` is told of what nobody foresaw.
    """

    def __init__(
        self,
        status: Callable[[], InboxStatus],
        size: Callable[[], DatabaseSize],
        warn: Callable[[str], None],
        seconds: float | None = None,
        last_sync: Callable[[], datetime | None] = lambda: None,
        dead: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__("backlog", LOOK_SECONDS if seconds is None else seconds, warn)
        self._status = status
        self._size = size
        self._last_sync = last_sync
        self._dead = dead
        self.newest: Backlog | None = None

    def work(self) -> float | None:
        """Look once. A look that took long is followed by a longer rest."""
        begun = time.monotonic()
        try:
            status, size = self._status(), self._size()
            synced, dead = self._last_sync(), self._dead()
        except DatabaseUnavailable:
            return None  # whoever needs the database tells of it
        now = datetime.now(UTC)
        self.newest = Backlog(status, size.used_bytes, size.free_bytes, now, synced, dead)
        took = time.monotonic() - begun
        return max(self.seconds, min(REST_FACTOR * took, LONGEST_REST_SECONDS))
