"""Whether the webhooks are still on: looked at when a listener starts, and then daily.

Meta switches off what fails for long, and others may change it, and nobody tells the app (Meta,
"Webhooks: getting started"). Events then end in silence.
"""

import threading
from collections.abc import Callable

from fbsync.errors import FbsyncError
from fbsync.page_overview import Overview

DAY_SECONDS = 86400.0
_STOP_SECONDS = 2.0
_REMEDY = "Run: fbsync subscribe"


class SubscriptionWatch:
    """Looks in a thread of its own, at the start of the block and then every `seconds`.

    `look` reads both levels; `warn` is told what is off, and where that cannot be known.
    """

    def __init__(
        self,
        look: Callable[[], Overview],
        address: str,
        warn: Callable[[str], None],
        seconds: float = DAY_SECONDS,
    ) -> None:
        self._look = look
        self._address = address
        self._warn = warn
        self._seconds = seconds
        self._done = threading.Event()
        # It may wait for an answer of Facebook's, and must not hold up the end of a listener.
        self._thread = threading.Thread(
            target=self._watch, name="fbsync-subscriptions", daemon=True
        )

    def __enter__(self) -> "SubscriptionWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(_STOP_SECONDS)

    def _watch(self) -> None:
        while True:
            try:
                told = what_is_off(self._look(), self._address)
            except FbsyncError as error:
                told = f"Whether the webhooks are on is not known. {error}"
            if told and not self._done.is_set():
                self._warn(told)
            if self._done.wait(self._seconds):
                return


def what_is_off(found: Overview, address: str) -> str | None:
    """A message for the operator; None where both levels are as they should be."""
    if found.failure is not None:
        return f"Whether the webhooks are on is not known. {found.failure}"
    if found.app is None:
        return f"The app has no webhook subscription, so no event will come.\n{_REMEDY}"
    if not found.app.active:
        return f"Facebook switched the app's webhook subscription off.\n{_REMEDY}"
    if found.app.callback_url != address:
        return (
            f"The app's webhooks go to {found.app.callback_url}, not to {address}.\n"
            f"{_REMEDY} --replace-callback"
        )
    lacking = [row for row in found.rows if row.live is not None and row.live != found.wanted]
    if lacking:
        return f"{len(lacking)} pages lack webhook fields at one of both levels.\n{_REMEDY}"
    return None
