"""Whether another program gave this database another store while this process keeps its own.

Both would write pages of which the database then says that they are in the other place.
"""

from collections.abc import Callable

from fbsync.errors import DatabaseUnavailable
from fbsync.periodic import Periodic

_SECONDS = 60.0


class StoreWatch(Periodic):
    """Looks every minute. `known` gives the store's address by the database, `ours` is our own.

    `warn` is told once for each other address.
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
        self._told = ours

    def work(self) -> None:
        """Look once."""
        try:
            known = self._known() or self._ours
        except DatabaseUnavailable:
            return  # others tell it
        if known not in (self._ours, self._told):
            self._warn(
                f"Another program moved the pages of this database to {known}; this one still"
                f" writes to {self._ours}.\n"
                "Give all programs the same settings of the store, and restart this one."
            )
        self._told = known
