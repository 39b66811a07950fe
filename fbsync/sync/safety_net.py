"""The poll of all pages beside a listener: `fbsync listen --sync-every`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fbsync.errors import FbsyncError
from fbsync.periodic import Periodic, spread


class SafetyNet(Periodic):
    """Runs `sync` whenever the last one of all pages, whosever it was, is `every` ago.

    `sync` is given what tells whether to end early, and returns False where another process is at
    it already. `warn` is told where it failed.
    """

    def __init__(
        self,
        every: timedelta,
        last_sync: Callable[[], datetime | None],
        sync: Callable[[Callable[[], bool]], bool],
        warn: Callable[[str], None],
    ) -> None:
        super().__init__("poll of all pages", every.total_seconds(), warn)
        self._every = every
        self._last_sync = last_sync
        self._sync = sync
        self._warn = warn

    def work(self) -> float:
        """Poll, if it is time."""
        try:
            left = self._seconds_left()
            if left > 0:
                return left
            self._sync(self.ended.is_set)
        except FbsyncError as error:
            if not self.ended.is_set():
                self._warn(f"The poll of all pages failed, and is tried again later: {error}")
        return spread(self.seconds)

    def _seconds_left(self) -> float:
        last, now = self._last_sync(), datetime.now(UTC)
        if last is None or last > now + self._every:  # by a clock since set back
            return 0.0
        return spread(self.seconds) - (now - last).total_seconds()
