"""When a login ends, and what to say of it beforehand.

Meta, "Long-lived tokens" and "debug_token".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

WARN_BEFORE = timedelta(days=7)
_REMEDY = "Run: fbsync login"


@dataclass(frozen=True)
class Lifetime:
    """The ends of one person's login: of the token, and of what it may read. None: never.

    `logged_in_at` is its beginning, None where it is not known.
    """

    user_id: str
    name: str
    expires_at: datetime | None
    data_access_expires_at: datetime | None
    logged_in_at: datetime | None = None


def first_end(lifetime: Lifetime) -> datetime | None:
    """When a new login is needed: the earlier of both ends."""
    ends = (lifetime.expires_at, lifetime.data_access_expires_at)
    return min((end for end in ends if end is not None), default=None)


def ends_soon(end: datetime | None, now: datetime) -> bool:
    """Whether the end is within 7 days, or past."""
    return end is not None and end - now <= WARN_BEFORE


def warnings(lifetime: Lifetime, now: datetime) -> list[str]:
    """What the operator must know: an end within 7 days, or one that is past."""
    found = []
    end = lifetime.expires_at
    if end is not None and ends_soon(end, now):
        found.append(
            f"The login of {lifetime.name} {_when(end, now)}: without it the list of pages cannot"
            f" be read.\n{_REMEDY}"
        )
    end = lifetime.data_access_expires_at
    if end is not None and ends_soon(end, now):
        found.append(
            f"The access to data that {lifetime.name} gave {_when(end, now)}: Facebook asks for a"
            f" new login every 90 days.\n{_REMEDY}"
        )
    return found


def _when(end: datetime, now: datetime) -> str:
    if end <= now:
        return f"ended on {end:%Y-%m-%d}"
    hours = int((end - now) / timedelta(hours=1))
    left = f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
    return f"ends on {end:%Y-%m-%d}, in {left}"
