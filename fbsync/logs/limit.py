"""How many lines of a log each kind may have: some of each, the others as an exact count.

Anybody can send what is refused, and an honest flood is thousands of events a second: neither may
fill a disk, or hide another kind of line.
"""

import time
from collections import Counter
from collections.abc import Callable

REFUSED_LINES = 10
LINES = 100
WINDOW_SECONDS = 10.0


class NoticeLimit:
    """Admits some of each kind in WINDOW_SECONDS, and counts the others. For one thread at a time.

    A kind begins with a word such as "refused", which decides how many are admitted.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._window_ends = 0.0
        self._seen: Counter[str] = Counter()

    def admits(self, kind: str) -> bool:
        """Whether it is told; otherwise it is counted."""
        if not self._seen:
            self._window_ends = self._now() + WINDOW_SECONDS
        self._seen[kind] += 1
        return self._seen[kind] <= _limit(kind)

    def left_out(self, *, at_the_end: bool = False) -> list[tuple[str, int]]:
        """The kinds that were counted only, once their window is over, each a single time."""
        if not at_the_end and self._now() < self._window_ends:
            return []
        found = [(kind, seen - _limit(kind)) for kind, seen in self._seen.items()]
        self._seen.clear()
        return [(kind, count) for kind, count in found if count > 0]


def _limit(kind: str) -> int:
    return REFUSED_LINES if kind.partition(" ")[0] == "refused" else LINES
