"""Group commit: one thread records all the deliveries that wait, so one fsync serves them all.

A request awaits its delivery's commit; only then is it answered. While one commit runs, the next
deliveries gather, so the batches grow with the load by themselves.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from fbsync.database.durability import Durability
from fbsync.errors import DatabaseUnavailable
from fbsync.listening.commit_gate import CHECK_SECONDS, CommitGate
from fbsync.listening.commit_patience import CommitPatience
from fbsync.listening.commit_queue import CommitQueue, Waiting
from fbsync.ports import Inbox
from fbsync.webhook import Delivery

COMMIT_SECONDS = 4.0
"""How long a request may wait for its commit. Meta sends again what was not answered with 200."""


class GroupCommit:
    """The only writer of deliveries in this process. Use it as a context manager.

    `admit` raises DatabaseUnavailable where nothing more may be taken in, see back_pressure.py.
    `committed` is told of each commit: how many deliveries, and how many seconds it took.
    """

    def __init__(
        self,
        inbox: Inbox,
        durability: Durability,
        admit: Callable[[], None] = lambda: None,
        committed: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._inbox = inbox
        self._durability = durability
        self._admit = admit
        self._committed = committed
        self._queue = CommitQueue()
        self._gate = CommitGate(durability.reopen)
        self._patience = CommitPatience(COMMIT_SECONDS)
        self._thread = threading.Thread(target=self._run, name="fbsync-group-commit", daemon=True)

    def __enter__(self) -> "GroupCommit":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after what waits is recorded."""
        self._queue.end()
        while self._thread.is_alive():
            self._durability.interrupt()
            self._thread.join(0.1)

    async def record(self, delivery: Delivery) -> None:
        """Return once the delivery is committed. Raises DatabaseUnavailable.

        So it does, at the latest, about COMMIT_SECONDS after the call.
        """
        await self._commit(Waiting(delivery))

    async def probe(self) -> None:
        """Return once a small row of its own was committed durably, as a delivery would be.

        Raises DatabaseUnavailable with the reason where a delivery would be refused now.
        """
        await self._commit(Waiting(None))

    async def _commit(self, waiting: Waiting) -> None:
        self._admit()
        self._gate.pass_through()
        self._queue.put(waiting)
        self._patience.watch(waiting)
        await waiting.committed

    def _run(self) -> None:
        while (group := self._next()) is not None:
            self._settle(group)

    def _settle(self, group: list[Waiting]) -> None:
        """A database that fails, fails all of the group; another fault is a single delivery's."""
        error = self._try_to_record(group)
        if error is None or isinstance(error, DatabaseUnavailable):
            self._queue.settle(group, error)
        elif len(group) > 1:
            for waiting in group:
                self._settle([waiting])
        else:
            # Meta would send it again and again, so it is kept for a person instead.
            dead = [Waiting(_dead(waiting.delivery), waiting.committed) for waiting in group]
            is_kept = dead[0].delivery is not None and self._try_to_record(dead) is None
            self._queue.settle(group, None if is_kept else error)

    def _try_to_record(self, group: list[Waiting]) -> Exception | None:
        try:
            self._gate.pass_through()
            self._record(group)
        except Exception as failure:  # noqa: BLE001 - handed to the requests that wait for it
            self._gate.note(failure)
            return failure
        return None

    def _next(self) -> list[Waiting] | None:
        """The next group. While the gate is closed nobody waits, so there is time for checks."""
        group = self._queue.take(CHECK_SECONDS if self._gate.is_closed else None)
        if group == [] and self._gate.is_closed:
            self._gate.try_to_open()
        return group

    def _record(self, group: list[Waiting]) -> None:
        deliveries = [waiting.delivery for waiting in group if waiting.delivery]
        if deliveries:
            begun = time.monotonic()
            self._inbox.record(deliveries)
            self._committed(len(deliveries), time.monotonic() - begun)
        elif group:  # probes alone; beside deliveries, their commit is the proof
            self._durability.probe()


def _dead(delivery: Delivery | None) -> Delivery | None:
    return delivery and replace(delivery, page_ids=(), fault="It could not be recorded as it is.")
