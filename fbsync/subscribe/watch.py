"""Whether the webhooks are still on: looked at when a listener starts, and then daily.

Meta switches off what fails for long, and others may change it, and nobody tells the app (Meta,
"Webhooks: getting started"). Events then end in silence.
"""

from collections.abc import Callable

from fbsync.errors import FbsyncError
from fbsync.page_overview import Overview
from fbsync.periodic import Periodic
from fbsync.wording import counted

DAY_SECONDS = 86400.0
_REMEDY = "Run: fbsync subscribe"
_UNKNOWN = "Whether the webhooks are on is not known."


class SubscriptionWatch(Periodic):
    """Looks in a thread of its own, at the start of the block and then every `seconds`.

    `look` reads both levels, and gives None while there is no page to look at; `warn` is told what
    is off, and where that cannot be known. `address` is the listener's public one, "" where it is
    not known.
    """

    def __init__(
        self,
        look: Callable[[], Overview | None],
        address: str,
        warn: Callable[[str], None],
        seconds: float = DAY_SECONDS,
    ) -> None:
        super().__init__("subscriptions", seconds, warn)
        self._look = look
        self._address = address
        self._warn = warn

    def work(self) -> None:
        """Look once."""
        try:
            found = self._look()
            told = what_is_off(found, self._address) if found else None
        except FbsyncError as error:
            told = f"{_UNKNOWN} {error}"
        if told and not self.ended.is_set():
            self._warn(told)


def what_is_off(found: Overview, address: str) -> str | None:
    """A message for the operator; None where both levels are as they should be."""
    return _off_at_app(found, address) or _off_at_pages(found)


def _off_at_app(found: Overview, address: str) -> str | None:
    app = found.app
    if app is None and found.failure is not None:
        return f"{_UNKNOWN} {found.failure}"
    if app is None:
        return f"The app has no webhook subscription, so no event will come.\n{_REMEDY}"
    if not app.active:
        return f"Facebook switched the app's webhook subscription off.\n{_REMEDY}"
    if address and app.callback_url != address:
        return (
            f"The app's webhooks go to {app.callback_url}, not to {address}.\n"
            f"{_REMEDY} --replace-callback"
        )
    lacking = ", ".join(sorted(found.wanted - app.fields))
    return (
        f"The app's webhook subscription lacks fields: {lacking}.\n{_REMEDY}" if lacking else None
    )


def _off_at_pages(found: Overview) -> str | None:
    if found.failure is not None:
        return f"{_UNKNOWN} {found.failure}"
    lacking = sum(row.live is not None and row.live != found.wanted for row in found.rows)
    return (
        f"{counted(lacking, 'page')} without wanted webhook fields.\n{_REMEDY}" if lacking else None
    )
