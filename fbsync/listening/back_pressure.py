"""Refuses deliveries while too much waits: Meta keeps them and sends them again.

It judges by the newest look at the backlog, so it comes and goes some seconds late.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fbsync.backlog import Backlog
from fbsync.byte_size import show_size
from fbsync.errors import DatabaseUnavailable
from fbsync.settings.limits import RESERVE_BYTES, Limits

MAX_AGE = timedelta(minutes=5)
"""A look that is older refuses nothing: what it saw may be long over, and a database that can no
longer be looked at refuses by itself."""


def refusal(backlog: Backlog, limits: Limits) -> str | None:
    """Why nothing more is taken in at this backlog, and what to do; None where all is well."""
    if backlog.status.events > limits.max_waiting:
        return (
            f"{backlog.status.events} events wait, more than FBSYNC_MAX_WAITING allows"
            f" ({limits.max_waiting}).\nSee why the workers do not keep up, or add some."
        )
    if backlog.database_bytes > limits.max_database_bytes:
        return (
            f"The database holds {show_size(backlog.database_bytes)}, more than"
            f" FBSYNC_MAX_DATABASE allows ({show_size(limits.max_database_bytes)}).\n"
            "Keep deliveries for a shorter time, or raise the limit."
        )
    if backlog.free_bytes is not None and backlog.free_bytes < RESERVE_BYTES:
        return (
            f"Only {show_size(backlog.free_bytes)} are free on the database's disk; the last"
            f" {show_size(RESERVE_BYTES)} are the worker's.\nMake room on the disk."
        )
    return None


class BackPressure:
    """The limits against the newest backlog. `newest` is None until the first look."""

    def __init__(
        self,
        limits: Limits,
        newest: Callable[[], Backlog | None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._limits = limits
        self._newest = newest
        self._now = now

    def refusal(self) -> str | None:
        """See the function of this name; None too where the newest look is older than MAX_AGE."""
        backlog = self._newest()
        if backlog is None or self._now() - backlog.seen_at > MAX_AGE:
            return None
        return refusal(backlog, self._limits)

    def admit(self) -> None:
        """Return where a delivery may be taken in. Raises DatabaseUnavailable."""
        if (reason := self.refusal()) is not None:
            raise DatabaseUnavailable(reason, fault="limit")
