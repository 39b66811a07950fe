"""How much may wait, and how much room it may take: settings and their defaults."""

from dataclasses import dataclass

from fbsync.byte_size import parse_size
from fbsync.settings.environment import Environment, matches

DEFAULT_MAX_WAITING = 2_000_000
DEFAULT_MAX_DATABASE = "10GB"

RESERVE_BYTES = 64 * 1024 * 1024
"""Left free on the database's disk when deliveries are refused already: the worker that makes room
writes too, a rollback journal, marks, and in a local store each page and its history."""


@dataclass(frozen=True)
class Limits:
    """FBSYNC_MAX_WAITING (events) and FBSYNC_MAX_DATABASE, in bytes."""

    max_waiting: int
    max_database_bytes: int


def read_limits(env: Environment) -> Limits:
    """What a listener takes in at most."""
    waiting = env.get("FBSYNC_MAX_WAITING", str(DEFAULT_MAX_WAITING))
    example = f"{DEFAULT_MAX_WAITING} (a whole number from 1 on)"
    env.check("FBSYNC_MAX_WAITING", waiting, matches(r"[1-9][0-9]{0,11}"), example)
    size = env.get("FBSYNC_MAX_DATABASE", DEFAULT_MAX_DATABASE)
    try:
        parsed = parse_size(size)
    except ValueError:
        example = f"{DEFAULT_MAX_DATABASE} (a whole number with MB, GB or TB)"
        env.fault("FBSYNC_MAX_DATABASE", "is malformed", example)
        parsed = parse_size(DEFAULT_MAX_DATABASE)
    return Limits(int(waiting) if waiting.isdecimal() else DEFAULT_MAX_WAITING, parsed)
