"""Group commit: one thread records all the deliveries that wait, so one fsync serves them all.

A request awaits its delivery's commit; only then is it answered. While one commit runs, the next
deliveries gather, so the batches grow with the load by themselves.
"""

import asyncio
import queue
import threading
from contextlib import suppress
from dataclasses import dataclass

from fbsync.errors import DatabaseUnavailable
from fbsync.ports import Inbox
from fbsync.webhook import Delivery

MAX_WAITING = 1000
"""Deliveries that may wait for a commit; above it, the listener refuses with 503."""

MAX_GROUP = 64


@dataclass(frozen=True)
class _Waiting:
    delivery: Delivery
    loop: asyncio.AbstractEventLoop
    committed: asyncio.Future[None]

    def settle(self, error: Exception | None) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._resolve, error)

    def _resolve(self, error: Exception | None) -> None:
        if self.committed.done():  # the request gave up waiting; Meta sends it again
            return
        if error is None:
            self.committed.set_result(None)
        else:
            self.committed.set_exception(error)


class GroupCommit:
    """The only writer of deliveries in this process. Use it as a context manager."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="fbsync-group-commit")

    def __enter__(self) -> "GroupCommit":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after what waits is recorded."""
        self._queue.put(None)
        self._thread.join()

    async def record(self, delivery: Delivery) -> None:
        """Return once the delivery is committed. Raises DatabaseUnavailable."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(delivery, loop, loop.create_future())
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise DatabaseUnavailable("Too many deliveries wait for the database.") from None
        await waiting.committed

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group, stop = self._gather(first)
            error: Exception | None = None
            try:
                self._inbox.record([waiting.delivery for waiting in group])
            except Exception as failure:  # noqa: BLE001 - handed to the requests that wait for it
                error = failure
            for waiting in group:
                waiting.settle(error)
            if stop:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Everything that waits now, up to MAX_GROUP, and whether the end came along."""
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return group, False
            if waiting is None:
                return group, True
            group.append(waiting)
        return group, False
