"""Settings of the inbox: where it is, and how long deliveries are kept."""

from dataclasses import dataclass, field
from datetime import timedelta

from fbsync.duration import parse_duration
from fbsync.environment import Environment
from fbsync.settings import read_app_id, read_database

DEFAULT_KEEP = "30d"
MIN_KEEP = timedelta(hours=1)
"""Meta may send a delivery again for some time; each copy of a pruned one costs a read."""


@dataclass(frozen=True)
class InboxSettings:
    """FBSYNC_DATABASE_URL, None for the default file, which FACEBOOK_APP_ID leads to."""

    app_id: str
    url: str | None = field(repr=False)


def read_inbox(env: Environment) -> InboxSettings:
    """All that is needed to look into the inbox: neither tokens nor the app's secret."""
    database = read_database(env, opens_tokens=False)
    return InboxSettings("" if database.url else read_app_id(env), database.url)


def read_keep_deliveries(env: Environment) -> timedelta:
    """How long deliveries that are done with are kept: FBSYNC_KEEP_DELIVERIES, 1 hour or more."""
    name, text = "FBSYNC_KEEP_DELIVERIES", env.get("FBSYNC_KEEP_DELIVERIES", DEFAULT_KEEP)
    try:
        keep = parse_duration(text)
    except ValueError:
        env.fault(name, "is malformed", f"{DEFAULT_KEEP} (a number with s, m, h or d)")
        return parse_duration(DEFAULT_KEEP)
    if keep < MIN_KEEP:
        env.fault(name, "is less than an hour", DEFAULT_KEEP)
    return keep
