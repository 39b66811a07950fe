"""The open connections of a server: how many there may be, and which of them end, and why.

Anybody can open connections. Those that have a whole request in hand are never ended here; of the
others, the oldest makes room for a new one.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Literal, Protocol

from fbsync.notice import Notice

MAX_CONNECTIONS = 4096
RESERVED_DESCRIPTORS = 128
"""Files and sockets of database, stores, Graph API and logs, and what is accepted in one go."""
MAX_HELD_BYTES = 64 * 1024 * 1024
"""All that half-received requests may hold in memory together."""
SWEEP_SECONDS = 0.05
"""How exact deadlines are. Short, so that never many are due at once and hold up the others."""
_EVICTED_AT_ONCE = 16

Ending = Literal[
    "idle",
    "cut_short",
    "slow_body",
    "shutdown",
    "silent",
    "slow_headers",
    "unread",
    "malformed",
    "long_headers",
    "evicted",
    "memory",
    "full",
    "not_accepted",
]

ENDINGS: dict[Ending, str] = {
    "idle": "",  # kept alive after an answer, and nothing came any more
    "cut_short": "",  # answered before its body was complete; the application reports why
    "slow_body": "",  # the same
    "shutdown": "",
    "silent": "closed, as nothing came in time",
    "slow_headers": "as its headers did not come in time",
    "unread": "closed, as it did not take its answer",
    "malformed": "as that was not HTTP",
    "long_headers": "as its headers are too long",
    "evicted": "closed, as it waited longest when all places were taken",
    "memory": "closed, as half-received bodies took too much memory and its was the largest",
    "full": "refused, as all places are taken by requests in work",
    "not_accepted": "refused, as the process may open no more files (ulimit -n)",
}
"""Why a connection ended without the application's wish, as told; "" where it need not be told."""


STATUS: dict[Ending, int] = {"slow_headers": 408, "malformed": 400, "long_headers": 431}
"""What those are answered that never reach the application."""


class Connection(Protocol):
    """What is done with a connection here."""

    deadline: float
    """When `expire` is due, in the loop's time."""
    held: int
    """Bytes of a half-received request."""

    def expire(self, now: float) -> None:
        """The deadline has passed."""
        ...

    def cut(self, ending: Ending) -> None:
        """End at once."""
        ...


class Connections:
    """All of one server. Only `counts` and `len` are for other threads too."""

    def __init__(self, limit: int, report: Callable[[Notice], None]) -> None:
        self.limit = limit
        self.closing = False
        self._report = report
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # without a whole request; the oldest first
        self._ended: dict[str, int] = dict.fromkeys(ENDINGS, 0)
        self._held = 0

    def __len__(self) -> int:
        return len(self._open)

    def counts(self) -> dict[str, int]:
        """How many ended so far, by reason; exact, and safe to read from any thread."""
        return self._ended.copy()

    def note(self, ending: Ending) -> None:
        """Count it, and tell it where it is of interest."""
        self._ended[ending] += 1
        if ENDINGS[ending]:
            told = f"{ending} connection: {ENDINGS[ending]}."
            self._report(Notice("refused", told, STATUS.get(ending)))

    def admit(self, connection: Connection) -> bool:
        """Take in a new connection; False where there is no room and none can be made."""
        if len(self._open) >= self.limit and not self._evict():
            self.note("full")
            return False
        self._open.add(connection)
        self._waiting[connection] = None
        return True

    def remove(self, connection: Connection) -> None:
        """It is gone. Harmless when repeated."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self.release(connection)

    def protect(self, connection: Connection) -> None:
        """A whole request of it is in hand: it is not ended before the answer."""
        self._waiting.pop(connection, None)
        self.release(connection)

    def wait(self, connection: Connection) -> None:
        """It was answered, and is the youngest of those that may go."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None
        self.release(connection)

    def hold(self, connection: Connection, count: int) -> None:
        """It holds so many bytes more; if all hold too many, the largest holder ends."""
        connection.held += count
        self._held += count
        if self._held > MAX_HELD_BYTES:
            max(self._waiting, key=lambda one: one.held).cut("memory")

    def release(self, connection: Connection) -> None:
        """It holds nothing any more."""
        self._held -= connection.held
        connection.held = 0

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on, let the deadlines pass."""
        loop.call_later(SWEEP_SECONDS, self.watch, loop)
        now = loop.time()
        for connection in [one for one in self._open if one.deadline <= now]:
            connection.expire(now)

    def make_room(self) -> None:
        """The process can open no more files: end some connections."""
        self.note("not_accepted")
        for _ in range(_EVICTED_AT_ONCE):
            self._evict()

    def cut_all(self) -> None:
        """End what is left."""
        for connection in list(self._open):
            connection.cut("shutdown")

    def _evict(self) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is not None:
            oldest.cut("evicted")
        return oldest is not None


def most_connections() -> int:
    """How many connections this process can serve; raises its limit of open files as needed."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource

    wanted = MAX_CONNECTIONS + RESERVED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_CONNECTIONS
    return max(soft - RESERVED_DESCRIPTORS, soft // 4)
