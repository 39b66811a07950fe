"""What callers of the Graph API know together of its limits (Meta, "Rate limits").

There is the app's limit, and one for each person and each page with whose tokens calls are made.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fbsync.errors import RateLimited
from fbsync.graph.usage import Usage
from fbsync.page import PageId

APP_LIMIT = "app"
"""The name of the app's own limit."""


def page_limit(page: PageId) -> str:
    """The limit that calls with this page's token count against (Meta, "Rate limits")."""
    return f"page {page}"


def person_limit(user_id: str) -> str:
    """The limit that calls with this person's token count against."""
    return f"person {user_id}"


def caller_of(limit: str) -> str:
    """The id of the page or person whose limit it is; empty for the app's own."""
    return limit.partition(" ")[2]


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


def limits_seen(
    limit: str, usage: Usage, now: datetime, refusal: RateLimited | None
) -> dict[str, Limit]:
    """What one answer says of the app's limit and of `limit`, within which the call was made.

    A batch as a whole is a call of the app's, and its headers repeat those of its pages.
    """
    found: dict[str, Limit] = {}
    if usage.app_percent is not None:
        found[APP_LIMIT] = Limit(usage.app_percent)
    if usage.percent is not None and limit != APP_LIMIT:
        found[limit] = Limit(usage.percent, now + usage.regain if usage.regain else None)
    if refusal is not None and refusal.retry_at is not None:
        name = APP_LIMIT if refusal.of_app else limit
        found[name] = Limit(found.get(name, Limit(0)).percent, refusal.retry_at)
    return found


def joined(parts: Iterable[Mapping[str, Limit]]) -> dict[str, Limit]:
    """All of them as one: the last percentage of each limit, and the latest end of its refusals."""
    found: dict[str, Limit] = {}
    for part in parts:
        for name, limit in part.items():
            ends = [end for end in (limit.until, found.get(name, limit).until) if end]
            found[name] = Limit(limit.percent, max(ends, default=None))
    return found
