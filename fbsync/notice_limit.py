"""Refused requests on the terminal: some of each kind as lines, the others as an exact count.

Anybody can send what is refused, so it must neither fill a disk nor hide another kind of refusal.
"""

import time
from collections import Counter
from collections.abc import Callable

from fbsync.listener import Notice

LINES = 10
WINDOW_SECONDS = 10.0


class NoticeLimit:
    """Passes notices on to `report`; of each kind of refusal, LINES at most in WINDOW_SECONDS.

    A kind is the first word, such as the status. The counts of those left out follow before the
    next notice after the window, or at the end of the block.
    """

    def __init__(
        self, report: Callable[[Notice], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._report = report
        self._now = now
        self._window_ends = 0.0
        self._seen: Counter[str] = Counter()

    def __enter__(self) -> "NoticeLimit":
        return self

    def __exit__(self, *_: object) -> None:
        """Tell what was left out."""
        self._end_window()

    def __call__(self, notice: Notice) -> None:
        """Report it, or count it."""
        if self._now() >= self._window_ends:
            self._end_window()
            self._window_ends = self._now() + WINDOW_SECONDS
        if notice.kind == "refused":
            kind = notice.detail.partition(" ")[0]
            self._seen[kind] += 1
            if self._seen[kind] > LINES:
                return
        self._report(notice)

    def _end_window(self) -> None:
        for kind, count in self._seen.items():
            if count > LINES:
                self._report(Notice("refused", f"{kind} and {count - LINES} more of these"))
        self._seen.clear()
