"""How much of its limits a caller has used, as the answers' headers tell (Meta, "Rate limits").

`X-App-Usage` and `X-Page-Usage` hold whole percents; `X-Business-Use-Case-Usage` holds them for
each business object, with the minutes until calls are answered again. Unknown keys are left alone.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from fbsync.errors import RateLimited
from fbsync.page import PageId

APP_LIMIT = "app"
"""The name of the app's own limit."""


def page_limit(page: PageId) -> str:
    """The limit that calls with this page's token count against (Meta, "Rate limits")."""
    return f"page {page}"


def person_limit(user_id: str) -> str:
    """The limit that calls with this person's token count against."""
    return f"person {user_id}"


_APP_HEADER = "x-app-usage"
_OTHER_HEADERS = ("x-page-usage", "x-business-use-case-usage")
_PERCENTS = ("call_count", "total_time", "total_cputime")
_REGAIN = "estimated_time_to_regain_access"  # minutes


@dataclass(frozen=True)
class Usage:
    """Percent of the app's limit and of the caller's own, and how long calls are refused.

    None where the headers do not say.
    """

    app_percent: int | None = None
    percent: int | None = None
    regain: timedelta | None = None


@dataclass(frozen=True)
class Limit:
    """How much of one limit is used up, and until when calls within it are refused."""

    percent: int
    until: datetime | None = None


class Budget(Protocol):
    """What callers of the Graph API know together of its limits, each by its name."""

    def begin(self, limits: Collection[str]) -> Mapping[str, RateLimited]:
        """Before a request: wait one's turn. Which of these limits take no call now, and why.

        Raises RateLimited where the app's own limit takes none.
        """
        ...

    def note(self, seen: Mapping[str, Limit]) -> None:
        """After a request: what its answer said of some limits."""
        ...


class NoBudget:
    """For a caller that shares nothing with others: every call may go out."""

    def begin(self, limits: Collection[str]) -> Mapping[str, RateLimited]:
        """See Budget."""
        return {}

    def note(self, seen: Mapping[str, Limit]) -> None:
        """See Budget."""


def read_usage(headers: Mapping[str, str]) -> Usage:
    """From an answer's headers, found by lower-case name. What cannot be read counts nothing."""
    others = [entry for name in _OTHER_HEADERS for entry in _entries(headers.get(name))]
    minutes = [_number(entry[_REGAIN]) for entry in others if _REGAIN in entry]
    return Usage(
        app_percent=_percent(_entries(headers.get(_APP_HEADER))),
        percent=_percent(others),
        regain=timedelta(minutes=max(minutes)) if minutes else None,
    )


def limits_seen(
    limit: str, usage: Usage, now: datetime, refusal: RateLimited | None
) -> dict[str, Limit]:
    """What one answer says of the app's limit and of `limit`, within which the call was made.

    A batch as a whole is a call of the app's, and its headers repeat those of its pages.
    """
    found = {}
    if usage.app_percent is not None:
        found[APP_LIMIT] = Limit(usage.app_percent)
    if usage.percent is not None and limit != APP_LIMIT:
        found[limit] = Limit(usage.percent, now + usage.regain if usage.regain else None)
    if refusal is not None and refusal.retry_at is not None:
        name = APP_LIMIT if refusal.of_app else limit
        found[name] = Limit(found.get(name, Limit(0)).percent, refusal.retry_at)
    return found


def _percent(entries: Iterable[Mapping[str, object]]) -> int | None:
    values = [entry.get(key) for entry in entries for key in _PERCENTS]
    found = [value for value in values if isinstance(value, int) and value >= 0]
    return max(found, default=None)


def _entries(text: str | None) -> Iterator[Mapping[str, object]]:
    """The objects with figures, wherever they stand."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return
    if not isinstance(value, dict):
        return
    yield value
    for entries in value.values():
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, dict))


def _number(value: object) -> int:
    """Whole minutes, a day at most, as no limit counts for longer; anything else counts nothing."""
    return min(value, 1440) if isinstance(value, int) and value > 0 else 0
