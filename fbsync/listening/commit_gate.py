"""The gate in front of the commits: closed by damage, opened by a database that is whole again.

After an I/O error nobody knows what the disk holds, even if the next commit seems to work.
"""

import time
from collections.abc import Callable

from fbsync.errors import DatabaseUnavailable
from fbsync.unforeseen import describe

CHECK_SECONDS = 1.0
"""At least this long between two checks, and as long as the last one took: it may read a lot."""


class CommitGate:
    """Open at first. `examine` raises DatabaseUnavailable where the database is not whole.

    One thread closes it and opens it; any may ask.
    """

    def __init__(self, examine: Callable[[], None]) -> None:
        self._examine = examine
        self._fault: DatabaseUnavailable | None = None
        self._next_check = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be committed."""
        return self._fault is not None

    def pass_through(self) -> None:
        """Return where it is open. Raises DatabaseUnavailable with what closed it."""
        if self._fault is not None:
            raise DatabaseUnavailable(str(self._fault), fault=self._fault.fault)

    def note(self, error: Exception) -> None:
        """A commit failed like this: damage closes the gate."""
        if (
            self._fault is None
            and isinstance(error, DatabaseUnavailable)
            and error.fault == "damaged"
        ):
            self._fault = error

    def try_to_open(self) -> None:
        """Examine the database, unless it was just found broken, and open if it is whole."""
        begun = time.monotonic()
        if begun < self._next_check:
            return
        try:
            self._examine()
        except DatabaseUnavailable as error:
            self._fault = error
        except Exception as error:  # noqa: BLE001 - the requests are told; the checks go on
            told = f"The database could not be examined: {describe(error)}.\nRestart fbsync."
            self._fault = DatabaseUnavailable(told, fault="damaged")
        else:
            self._fault = None
        ended = time.monotonic()
        self._next_check = ended + max(CHECK_SECONDS, ended - begun)
