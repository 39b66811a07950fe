"""A few pieces of work in hand at once, each in a thread that ends with the process."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class InHand(Generic[_Item]):
    """Gives each item to the next of the `workers` that is free; for one thread that submits.

    So somebody can ask for the next items while the last ones are worked on, but not far ahead.
    """

    def __init__(self, workers: Sequence[Callable[[_Item], None]]) -> None:
        self._free: queue.SimpleQueue[Callable[[_Item], None]] = queue.SimpleQueue()
        self._count = len(workers)
        self._failure: BaseException | None = None
        for worker in workers:
            self._free.put(worker)

    def submit(self, item: _Item) -> None:
        """Begin with this item as soon as somebody is free. Raises what an earlier one raised."""
        worker = self._free.get()
        if self._failure is not None:
            self._free.put(worker)
            raise self._failure
        threading.Thread(
            target=self._run, args=(worker, item), name="fbsync-in-hand", daemon=True
        ).start()

    def finish(self) -> None:
        """Wait until nothing is in hand. Raises what the work raised first."""
        self.wait()
        if self._failure is not None:
            raise self._failure

    def wait(self, seconds: float | None = None) -> bool:
        """Wait at most so long until nothing is in hand; whether that is so."""
        end = None if seconds is None else time.monotonic() + seconds
        idle: list[Callable[[_Item], None]] = []
        try:
            with suppress(queue.Empty):
                while len(idle) < self._count:
                    left = None if end is None else max(0.0, end - time.monotonic())
                    idle.append(self._free.get(timeout=left))
        finally:  # after a Ctrl-C too
            for worker in idle:
                self._free.put(worker)
        return len(idle) == self._count

    def _run(self, worker: Callable[[_Item], None], item: _Item) -> None:
        try:
            worker(item)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._failure = self._failure or error
        finally:
            self._free.put(worker)
