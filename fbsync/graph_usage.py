"""How much of its limits an app has used, as the answers' headers tell (Meta, "Rate limits").

`X-App-Usage` and `X-Page-Usage` hold whole percents; `X-Business-Use-Case-Usage` holds them for
each business object, with the minutes until calls are answered again. Unknown keys are left alone.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

_HEADERS = ("x-app-usage", "x-page-usage", "x-business-use-case-usage")
_PERCENTS = ("call_count", "total_time", "total_cputime")
_REGAIN = "estimated_time_to_regain_access"  # minutes


@dataclass(frozen=True)
class Usage:
    """The limit that is nearest: percent of it, and how long calls are refused, if they are."""

    percent: int = 0
    regain: timedelta | None = None  # None: the headers do not say


def read_usage(headers: Mapping[str, str]) -> Usage:
    """From an answer's headers, found by lower-case name. What cannot be read counts nothing."""
    entries = [entry for name in _HEADERS for entry in _entries(headers.get(name))]
    percents = [_number(entry.get(key)) for entry in entries for key in _PERCENTS]
    minutes = [_number(entry[_REGAIN]) for entry in entries if _REGAIN in entry]
    return Usage(
        percent=max(percents, default=0),
        regain=timedelta(minutes=max(minutes)) if minutes else None,
    )


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
    """A whole number of at most a week in minutes; anything else counts nothing."""
    return min(value, 10_080) if isinstance(value, int) and value > 0 else 0
