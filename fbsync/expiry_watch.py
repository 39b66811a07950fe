"""Warns of logins that end soon: at once, and then daily for as long as a command runs."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Self

from fbsync.errors import DatabaseUnavailable
from fbsync.expiry import Lifetime, warnings
from fbsync.periodic import Periodic

DAY_SECONDS = 86400.0


class ExpiryWatch(Periodic):
    """Looks at the start of the block, and then every `seconds` until its end.

    `lifetimes` gives those of all people who logged in; `warn` is told each warning.
    """

    def __init__(
        self,
        lifetimes: Callable[[], Sequence[Lifetime]],
        warn: Callable[[str], None],
        seconds: float = DAY_SECONDS,
    ) -> None:
        super().__init__("expiry", seconds, warn, is_done_at_start=True)
        self._lifetimes = lifetimes
        self._warn = warn

    def __enter__(self) -> Self:
        self.work()  # here, as a short command ends before a thread has looked
        return super().__enter__()

    def work(self) -> None:
        """Look once."""
        try:
            found = self._lifetimes()
        except DatabaseUnavailable as error:
            self._warn(f"Whether a login ends soon is not known. {error}")
            return
        now = datetime.now(UTC)
        for lifetime in found:
            for warning in warnings(lifetime, now):
                self._warn(warning)
