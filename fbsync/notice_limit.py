"""Refused requests on the terminal: some of them as lines, the others as an exact count.

Anybody can send what is refused, so it must not fill a disk.
"""

import time
from collections.abc import Callable

from fbsync.listener import Notice

LINES = 10
WINDOW_SECONDS = 10.0


class NoticeLimit:
    """Passes notices on to `report`; of refusals, LINES at most in each WINDOW_SECONDS.

    The count of those left out follows before the next notice after the window.
    """

    def __init__(
        self, report: Callable[[Notice], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._report = report
        self._now = now
        self._window_ends = 0.0
        self._shown = 0
        self._left_out = 0

    def __call__(self, notice: Notice) -> None:
        """Report it, or count it."""
        if self._now() >= self._window_ends:
            self._begin_window()
        if notice.kind == "refused":
            if self._shown >= LINES:
                self._left_out += 1
                return
            self._shown += 1
        self._report(notice)

    def _begin_window(self) -> None:
        if self._left_out:
            self._report(Notice("refused", f"and {self._left_out} more requests before this"))
        self._window_ends = self._now() + WINDOW_SECONDS
        self._shown = self._left_out = 0
