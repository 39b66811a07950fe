"""Deliveries that are done with are deleted after some time, in a thread beside what runs.

All but what waits: handled ones, failed ones and dead letters. A failed one's page stays marked, so
nothing is lost with it. A copy that Meta sends later is recorded as new, and costs one read.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, not_, select

from fbsync.database.delivery_state import CONDITIONS
from fbsync.database.engine import Database
from fbsync.database.marks import forget
from fbsync.database.schema import deliveries
from fbsync.errors import DatabaseUnavailable
from fbsync.periodic import Periodic

HOUR_SECONDS = 3600.0
PAUSE_SECONDS = 0.1
"""Between two steps that delete, so that the commits that Meta waits for get their turn."""

STEP = 500
STEP_BYTES = 4 * 1024 * 1024
"""Of bodies that one step deletes: each is overwritten with zeros on SQLite (secure_delete)."""

_is_done = not_(CONDITIONS["waiting"])


class Retention(Periodic):
    """Prunes at the start of the block, and then every `seconds` until its end.

    Any number of processes may do so at once. `warn` is told where the database does not answer.
    """

    def __init__(
        self,
        database: Database,
        keep: timedelta,
        warn: Callable[[str], None],
        *,
        seconds: float = HOUR_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("retention", seconds, warn)
        self._database = database
        self._keep = keep
        self._warn = warn
        self._now = now

    def work(self) -> None:
        """Prune once, and tell where the database does not answer."""
        try:
            self.prune()
        except DatabaseUnavailable as error:
            if not self.ended.is_set():
                self._warn(f"Old events could not all be pruned; trying again later. {error}")

    def prune(self) -> int:
        """Delete what was received before the time to keep, step by step. How many that were.

        Raises DatabaseUnavailable.
        """
        before = self._now() - self._keep.total_seconds()
        pruned, after = 0, 0
        while not self.ended.is_set():
            with self._database.read() as connection:
                part = _old(connection, after, before)
            if part is None:
                break
            if part.numbers:
                pruned += self._delete(part.numbers)
                self.ended.wait(PAUSE_SECONDS)
            after = part.last
        return pruned

    def _delete(self, old: list[int]) -> int:
        with self._database.write() as connection:
            locked = select(deliveries.c.id).where(deliveries.c.id.in_(old))
            locked = locked.with_for_update(skip_locked=True)
            held = connection.execute(locked).scalars().all()
            # A copy may have come since: looked at again now that nobody else can.
            done = select(deliveries.c.id).where(deliveries.c.id.in_(held), _is_done)
            found = connection.execute(done).scalars().all()
            forget(connection, found)
        return len(found)


@dataclass(frozen=True)
class _Part:
    """Deliveries to delete in one step, and the row number up to which all were looked at."""

    numbers: list[int]
    last: int


def _old(connection: Connection, after: int, before: float) -> _Part | None:
    """The next deliveries to delete; None where the rest is younger.

    Row numbers grow with the time of receipt, so the table needs no index by time.
    """
    number, received_at = deliveries.c.id, deliveries.c.received_at
    window = select(number, received_at).where(number > after).order_by(number).limit(STEP)
    rows = window.subquery()
    bounds = select(func.max(rows.c.id), func.min(rows.c.received_at))
    last, oldest = connection.execute(bounds).one()
    if last is None or oldest >= before:
        return None
    old = (
        select(number, func.length(deliveries.c.body).label("bytes"))
        .where(number.between(after + 1, last), received_at < before, _is_done)
        .order_by(number)
    )
    numbers: list[int] = []
    size = 0
    for row in connection.execute(old):
        if numbers and size + row.bytes > STEP_BYTES:
            return _Part(numbers, numbers[-1])
        numbers.append(row.id)
        size += row.bytes
    return _Part(numbers, last)
