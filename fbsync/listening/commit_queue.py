"""What waits for the next commit: bounded in number and in bytes, and handed out in groups."""

import asyncio
import threading
from collections import deque
from contextlib import suppress

from fbsync.errors import DatabaseUnavailable
from fbsync.webhook import Delivery

MAX_WAITING = 1000
MAX_WAITING_BYTES = 32 * 1024 * 1024
"""Deliveries that may wait for a commit, in number and in bytes of their bodies; above either, the
listener refuses with 503. A thousand bodies of the largest size would fill the memory."""

MAX_GROUP = 64


class Waiting:
    """One request. Without a delivery it only asks whether a commit is possible."""

    __slots__ = ("committed", "delivery", "loop")

    def __init__(
        self, delivery: Delivery | None, committed: asyncio.Future[None] | None = None
    ) -> None:
        self.delivery = delivery
        self.loop = asyncio.get_running_loop() if committed is None else committed.get_loop()
        self.committed = self.loop.create_future() if committed is None else committed

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.delivery.body) if self.delivery else 0

    def settle(self, error: Exception | None) -> None:
        """Let the request go on, in its own event loop."""
        if self.committed.done():  # the request gave up waiting; Meta sends it again
            return
        if error is None:
            self.committed.set_result(None)
        else:
            self.committed.set_exception(error)


class CommitQueue:
    """Requests in the order of their coming. Bytes count until the group is `settled`."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._ended = False
        self._changed = threading.Condition()

    def put(self, waiting: Waiting) -> None:
        """Wait for a commit. Raises DatabaseUnavailable where too much waits already."""
        with self._changed:
            is_full = len(self._waiting) >= MAX_WAITING
            if is_full or self._bytes + waiting.size > MAX_WAITING_BYTES:
                raise DatabaseUnavailable("Too many deliveries wait for the database.")
            self._waiting.append(waiting)
            self._bytes += waiting.size
            self._changed.notify()

    def take(self, seconds: float | None = None) -> list[Waiting] | None:
        """The next group, when there is one; None at the end, once nothing waits any more.

        An empty one where `seconds` passed first, or where all that came gave up meanwhile:
        committing those would make the others wait, and Meta sends them again anyway.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, seconds)
            if self._ended and not self._waiting:
                return None
            taken = [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]
            group = [waiting for waiting in taken if not waiting.committed.done()]
            self._bytes -= _size(taken) - _size(group)
            return group

    def settle(self, group: list[Waiting], error: Exception | None) -> None:
        """Let a group that was taken go on, from any thread."""
        with self._changed:
            self._bytes -= _size(group)
        # One call for each loop, as each call interrupts what the loop is doing.
        for loop in {waiting.loop for waiting in group}:
            theirs = [waiting for waiting in group if waiting.loop is loop]
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(_settle_all, theirs, error)

    def end(self) -> None:
        """Nothing comes any more."""
        with self._changed:
            self._ended = True
            self._changed.notify()


def _settle_all(group: list[Waiting], error: Exception | None) -> None:
    for waiting in group:
        waiting.settle(error)


def _size(group: list[Waiting]) -> int:
    return sum(waiting.size for waiting in group)
