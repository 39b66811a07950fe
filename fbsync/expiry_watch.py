"""Warns of logins that end soon: at once, and then daily for as long as a command runs."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fbsync.errors import DatabaseUnavailable
from fbsync.expiry import Lifetime, warnings

DAY_SECONDS = 86400.0


class ExpiryWatch:
    """Looks at the start of the block, and then every `seconds` until its end.

    `lifetimes` gives those of all people who logged in; `warn` is told each warning.
    """

    def __init__(
        self,
        lifetimes: Callable[[], Sequence[Lifetime]],
        warn: Callable[[str], None],
        seconds: float = DAY_SECONDS,
    ) -> None:
        self._lifetimes = lifetimes
        self._warn = warn
        self._seconds = seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="fbsync-expiry")

    def __enter__(self) -> "ExpiryWatch":
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._seconds):
            self._look()

    def _look(self) -> None:
        try:
            found = self._lifetimes()
        except DatabaseUnavailable as error:
            self._warn(f"Whether a login ends soon is not known. {error}")
            return
        now = datetime.now(UTC)
        for lifetime in found:
            for warning in warnings(lifetime, now):
                self._warn(warning)
