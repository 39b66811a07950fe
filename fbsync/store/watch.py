"""Whether another program gave this database another store while this process keeps its own.

Such a process leaves the pages to others (Inbox.claim), so somebody must know that it is idle.
"""

from collections.abc import Callable

from fbsync.errors import DatabaseUnavailable
from fbsync.periodic import Periodic

_SECONDS = 60.0
_LOOKS = 60


class StoreWatch(Periodic):
    """Looks every minute. `known` gives the store's identity by the database, `ours` is our own.

    `warn` is told of another one at once, and again with each 60th look at it.
    """

    def __init__(
        self,
        known: Callable[[], str | None],
        ours: str,
        warn: Callable[[str], None],
        seconds: float = _SECONDS,
    ) -> None:
        super().__init__("store", seconds, warn, is_done_at_start=True)
        self._known = known
        self._ours = ours
        self._warn = warn
        self._seen = ours
        self._looks = 0

    def work(self) -> None:
        """Look once."""
        try:
            known = self._known() or self._ours
        except DatabaseUnavailable:
            return  # others tell it
        self._looks = self._looks + 1 if known == self._seen else 0
        self._seen = known
        if known != self._ours and self._looks % _LOOKS == 0:
            self._warn(
                f"Another program moved the pages of this database to {known}; this one has"
                f" {self._ours}, and mirrors nothing any more.\n"
                "Give all programs the same settings of the store, and restart this one."
            )
