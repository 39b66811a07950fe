"""How long a caller of the Graph API waits before it asks again, and when it gives up."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MAX_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
_TOGETHER = timedelta(seconds=3)


@dataclass(frozen=True)
class Patience:
    """`seconds` bounds all the pauses of one call together; `sleep` is given each pause."""

    seconds: float
    sleep: Callable[[float], object] = time.sleep
    tries: int = MAX_TRIES

    def begin(self) -> "Waiting":
        """For one call."""
        return Waiting(self)


DEFAULT_PATIENCE = Patience(seconds=60)
"""For a command that somebody waits for."""

POLL_PATIENCE = Patience(seconds=60, tries=100)
"""For a poll's pages that were put off, all of them together."""

WORKER_PATIENCE = Patience(seconds=4)
"""For a worker, which puts a page off rather than wait, and which must be able to stop."""


class Waiting:
    """The pauses of one call so far."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._left = patience.seconds
        self._tries = 1

    def pause(self, until: datetime | None) -> bool:
        """Wait before the next try. False where there shall be none.

        `until` is the other side's wish. Without one, the pause is random between nothing and twice
        the last bound ("full jitter"), so that many callers do not come back at the same moment.
        """
        if self._tries >= self._patience.tries:
            return False
        if until is None:
            bound = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (self._tries - 1))
            seconds = random.uniform(0, bound)  # noqa: S311 - spreading, not a secret
        else:
            seconds = max(0.0, (until - datetime.now(UTC)).total_seconds())
        if seconds > self._left:
            return False
        self._tries += 1
        self._left -= seconds
        self._patience.sleep(seconds)
        return True


def due_together(moments: Sequence[datetime]) -> datetime:
    """When to look again: late enough for all that come due soon after the first of them.

    Each has its own random wait, and one request for many of them is better than one for each.
    """
    last = min(moments) + _TOGETHER
    return max(moment for moment in moments if moment <= last)
