"""Writes of several threads in one transaction, so that one fsync serves them all.

SQLite has one writer at a time, and who finds it busy looks again after a nap: threads that write
often starve each other. Here they line up, and whoever is next commits what all of them wait for.
On PostgreSQL each write is a transaction of its own: it joins commits by itself, and a longer one
would lock rows in an order that another process may wait for.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from fbsync.database.engine import Database
from fbsync.errors import DatabaseUnavailable

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Write:
    work: Callable[[Connection], Any]
    is_urgent: bool
    alone: Callable[[], Any] | None
    outcome: Future[Any] = field(default_factory=Future)


class JoinedWrites:
    """Use one for all the threads of a process that write to the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Write] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def run(
        self,
        work: Callable[[Connection], _Result],
        *,
        is_urgent: bool = False,
        alone: Callable[[], _Result] | None = None,
    ) -> _Result:
        """Do the work in a transaction, committed on return; `is_urgent` as for Database.write.

        `alone` does the same in a transaction of its own: quicker, where no other write waits.
        Where another thread's work fails, ours may be done a second time, after the first was
        rolled back. Raises DatabaseUnavailable, and what the work itself raises.
        """
        write = _Write(work, is_urgent, alone)
        if self._database.is_sqlite:
            with self._lock:
                self._waiting.append(write)
            with self._turn:
                if not write.outcome.done():
                    self._settle(self._take_all())
        else:
            self._settle([write])
        result: _Result = write.outcome.result()
        return result

    def _take_all(self) -> list[_Write]:
        with self._lock:
            together, self._waiting = self._waiting, []
        return together

    def _settle(self, together: Sequence[_Write]) -> None:
        """One commit for all. A database that fails, fails all; other faults are one's own."""
        error = self._commit(together)
        if error is None:
            return
        if not isinstance(error, Exception):  # an interrupt, which is no write's own fault
            failure = DatabaseUnavailable("The write was interrupted.")
            for write in together:
                write.outcome.set_exception(failure)
            raise error
        if len(together) > 1 and not isinstance(error, DatabaseUnavailable):
            for write in together:
                self._settle([write])
            return
        for write in together:
            write.outcome.set_exception(error)

    def _commit(self, together: Sequence[_Write]) -> BaseException | None:
        try:
            results = self._results(together)
        except BaseException as error:  # noqa: BLE001 - raised in the threads that wait for it
            return error
        for write, result in zip(together, results, strict=True):
            write.outcome.set_result(result)
        return None

    def _results(self, together: Sequence[_Write]) -> list[Any]:
        """Committed."""
        if len(together) == 1 and together[0].alone is not None:
            return [together[0].alone()]
        is_urgent = any(write.is_urgent for write in together)
        with self._database.write(is_urgent=is_urgent) as connection:
            return [write.work(connection) for write in together]
