"""How long requests wait for their commits: one timer for them all, as many timers cost much."""

import asyncio
from collections import deque

from fbsync.errors import DatabaseUnavailable
from fbsync.listening.commit_queue import Waiting

LOOK_SECONDS = 0.25
"""How late the end of a request's patience may be seen."""


class CommitPatience:
    """Ends the waiting of each watched request after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._watched: dict[asyncio.AbstractEventLoop, deque[tuple[float, Waiting]]] = {}

    def watch(self, waiting: Waiting) -> None:
        """From now on, in its own event loop."""
        loop = waiting.loop
        watched = self._watched.get(loop)
        if watched is None:
            watched = self._watched[loop] = deque()
            loop.call_later(LOOK_SECONDS, self._look, loop)
        watched.append((loop.time() + self._seconds, waiting))

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """All wait equally long, so those that came first are due first."""
        watched, now = self._watched[loop], loop.time()
        while watched and (watched[0][1].committed.done() or watched[0][0] <= now):
            _, waiting = watched.popleft()
            waiting.settle(
                DatabaseUnavailable(
                    f"A commit took longer than {self._seconds:.0f} seconds.\n"
                    "See whether another program locks the database, or the disk is very slow."
                )
            )
        if watched:
            loop.call_later(LOOK_SECONDS, self._look, loop)
        else:
            del self._watched[loop]
