"""Runs of a sync over all pages: at most one of those by the clock, whatever process they are of.

A run holds a row as long as it lasts, and renews it; the row of a process that died runs out.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import delete, func, or_, select, text, update

from fbsync.database.engine import Database
from fbsync.database.inbox_clock import InboxClock
from fbsync.database.schema import sync_runs
from fbsync.errors import DatabaseUnavailable
from fbsync.periodic import Periodic

HELD_SECONDS = 60.0
RENEW_SECONDS = 15.0
_LOCK = 0x6662_7379_6E64  # PostgreSQL's advisory lock: who looks and who begins are one


class SyncRuns:
    """Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, now: Callable[[], float] | None = None) -> None:
        self._database = database
        self._clock = InboxClock(database, now)

    @contextmanager
    def hold(self, *, alone: bool) -> Iterator[bool]:
        """For the time of a run. False where `alone` was asked for and another run is under way."""
        run = self._begin(alone=alone)
        if run is None:
            yield False
            return
        try:
            with _Renewal(self, run):
                yield True
        finally:
            self._end(run)

    def renew(self, run: str) -> None:
        """Hold it for HELD_SECONDS more."""
        until = self._clock.current() + HELD_SECONDS
        with self._database.write() as connection:
            connection.execute(
                update(sync_runs).where(sync_runs.c.run == run).values(held_until=until)
            )

    def _begin(self, *, alone: bool) -> str | None:
        run, now = uuid.uuid4().hex, self._clock.current()
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            until = sync_runs.c.held_until
            # One that is held for longer than any is was held by a clock that was set back since.
            is_over = or_(until <= now, until > now + 2 * HELD_SECONDS)
            connection.execute(delete(sync_runs).where(is_over))
            others = connection.execute(select(func.count()).select_from(sync_runs)).scalar_one()
            if alone and others:
                return None
            connection.execute(sync_runs.insert().values(run=run, held_until=now + HELD_SECONDS))
        return run

    def _end(self, run: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(sync_runs).where(sync_runs.c.run == run))


class _Renewal(Periodic):
    def __init__(self, runs: SyncRuns, run: str) -> None:
        super().__init__("sync run", RENEW_SECONDS, lambda told: None, is_done_at_start=True)
        self._runs = runs
        self._run_id = run

    def work(self) -> None:
        """Once more; a database that is gone ends the run by itself."""
        try:
            self._runs.renew(self._run_id)
        except DatabaseUnavailable:
            return
