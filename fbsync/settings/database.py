"""Where the database is, what encrypts the tokens in it, and how long deliveries are kept."""

import re
from dataclasses import dataclass, field
from datetime import timedelta

from fbsync.duration import parse_duration
from fbsync.settings.environment import Environment, matches
from fbsync.settings.facebook import read_app_id

DEFAULT_KEEP = "30d"
MIN_KEEP = timedelta(hours=1)
"""Meta may send a delivery again for some time; each copy of a pruned one costs a read."""

_URL = re.compile(
    r"""
    (?!.*%00)                             # which no path and no name can hold
    (
      sqlite:///(?!:memory:)[^?]+
      | postgresql\+psycopg://(?=.)
        ([^:/@?]*(:[^@?]*)?@)?            # user and password
        (\[[^/@?\[\]]+\] | [^/@?:\[\]]+)?  # host
        (:[0-9]{1,5})?
        (/[^@?]*)?                        # database
        (\?[^@]*)?
    )
    """,
    re.VERBOSE,
)
"""As SQLAlchemy reads it, but with one @ at most: it takes what stands behind the first one for the
host, and the driver's error would show that part of a password. How an SQLite file is opened is for
us alone to say, so its URL takes no options."""


@dataclass(frozen=True)
class DatabaseSettings:
    """FBSYNC_DATABASE_URL, None for the default SQLite file, and FBSYNC_TOKEN_KEY, newest first."""

    url: str | None = field(repr=False)
    token_keys: tuple[str, ...] = field(repr=False)


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


def read_database(env: Environment, *, opens_tokens: bool = True) -> DatabaseSettings:
    """The database and the keys that encrypt the tokens in it, which PostgreSQL needs to be set."""
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", env.get("FBSYNC_DATABASE_URL"))
    example = (
        "postgresql+psycopg://user:password@host/fbsync (write @ : / ? # in a password as"
        " %40 %3A %2F %3F %23; or sqlite:////path/to/file, without options)"
    )
    env.check("FBSYNC_DATABASE_URL", url, _URL.fullmatch, example)
    keys = env.get("FBSYNC_TOKEN_KEY")
    example = "a Fernet key: 44 characters of URL-safe base64; several with commas, newest first"
    key = r"[A-Za-z0-9_-]{43}="
    env.check("FBSYNC_TOKEN_KEY", keys, matches(rf"{key}(\s*,\s*{key})*"), example)
    if url.startswith("postgresql") and not keys and opens_tokens:
        env.fault("FBSYNC_TOKEN_KEY", "is missing, and PostgreSQL needs it", example)
    return DatabaseSettings(url or None, tuple(re.split(r"\s*,\s*", keys)) if keys else ())
