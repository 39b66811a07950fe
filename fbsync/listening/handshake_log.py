"""Writes down the handshakes that the listener sees, off its event loop and not too often.

Anyone can send a handshake. A flood of them costs one short transaction a second, and only the
newest of each result wait for it.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime

from fbsync.database.handshakes import KEPT, Handshake
from fbsync.errors import DatabaseUnavailable
from fbsync.webhook import HandshakeResult

PAUSE_SECONDS = 1.0
"""Between two transactions. The first one after a quiet time is written at once."""


class HandshakeLog:
    """A thread that hands what was seen to `record`. Use it as a context manager."""

    def __init__(self, record: Callable[[Collection[Handshake]], None]) -> None:
        self._record = record
        self._waiting: dict[HandshakeResult, deque[Handshake]] = {}
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fbsync-handshakes", daemon=True)

    def __enter__(self) -> "HandshakeLog":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after what waits is written."""
        self._ended.set()
        with self._changed:
            self._changed.notify()
        self._thread.join()

    def note(self, result: HandshakeResult) -> None:
        """Remember one that ended like this just now. Never waits for the database."""
        with self._changed:
            same = self._waiting.setdefault(result, deque(maxlen=KEPT))
            same.append(Handshake(datetime.now(UTC), result))
            self._changed.notify()

    def _run(self) -> None:
        while batch := self._next():
            # What the operator might want to know later is no reason to end the listener.
            with suppress(DatabaseUnavailable):
                self._record(batch)
            self._ended.wait(PAUSE_SECONDS)

    def _next(self) -> list[Handshake]:
        """What waits, oldest first; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended.is_set())
            waiting, self._waiting = self._waiting, {}
        found = [one for same in waiting.values() for one in same]
        return sorted(found, key=lambda one: one.seen_at)
