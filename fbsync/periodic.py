"""Work that is done again and again beside what runs, in a thread of its own."""

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from fbsync.unforeseen import describe

JITTER = 0.1
"""Of an interval, more or less: processes that were started together do not work together."""

STOP_SECONDS = 2.0
"""How long the end of the block waits for work in hand: a server that hangs holds up no end."""


def spread(seconds: float) -> float:
    """An interval with its jitter."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreading, not a secret


class Periodic(ABC):
    """Does `work` at the start of the block, and then every `seconds` until its end.

    A class that has such work derives from it. An error of `work` that nobody foresaw is told to
    `failed`, in one line, and it goes on; after the end of the block nothing is told.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        failed: Callable[[str], None],
        *,
        is_done_at_start: bool = False,
    ) -> None:
        """`is_done_at_start`: the first time is after `seconds` only."""
        self.seconds = seconds
        self.ended = threading.Event()
        """Set at the end of the block; long work looks at it between its steps."""
        self._name = name
        self._failed = failed
        self._first = seconds if is_done_at_start else 0.0
        self._thread = threading.Thread(target=self._run, name=f"fbsync-{name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._thread.join(STOP_SECONDS)

    @abstractmethod
    def work(self) -> float | None:
        """Once. How long to rest afterwards, in seconds; None is the usual time."""

    def _run(self) -> None:
        rest = self._first
        while not self.ended.wait(rest):
            rest = self.seconds
            try:
                wish = self.work()
            except Exception as error:  # noqa: BLE001 - it is told, and the next time is due
                if not self.ended.is_set():
                    self._failed(f"{self._name}: {describe(error)}; it is tried again.")
            else:
                rest = rest if wish is None else wish
