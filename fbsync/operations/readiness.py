"""Whether a process can do its work now, asked at most once a second and one at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from fbsync.errors import FbsyncError

CACHE_SECONDS = 1.0
WAIT_SECONDS = 4.5
"""How long who asks may wait; the answer is then no, and the question stays asked."""


class Readiness:
    """`probe` raises FbsyncError with the reason where it cannot. For one event loop."""

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        is_ending: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probe = probe
        self._is_ending = is_ending
        self._now = now
        self._asked_at = 0.0
        self._asked: asyncio.Future[str | None] | None = None

    async def why_not(self) -> str | None:
        """The reason why it cannot, in one line; None where it can."""
        if self._is_ending():
            return "This process is ending."
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await asyncio.shield(self._newest())
        except TimeoutError:
            return f"There was no answer within {WAIT_SECONDS} seconds."

    def _newest(self) -> asyncio.Future[str | None]:
        """The answer that is on its way, or was given a moment ago."""
        asked = self._asked
        if asked is not None and (not asked.done() or self._now() < self._asked_at + CACHE_SECONDS):
            return asked
        self._asked = asyncio.ensure_future(self._ask())
        self._asked_at = self._now()
        return self._asked

    async def _ask(self) -> str | None:
        try:
            await self._probe()
        except FbsyncError as error:
            return " ".join(str(error).splitlines())
        return None
