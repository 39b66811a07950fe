"""How much of its limits a caller has used, as the answers' headers tell (Meta, "Rate limits").

`X-App-Usage` and `X-Page-Usage` hold whole percents; `X-Business-Use-Case-Usage` holds them for
each business object, with the minutes until calls are answered again. Unknown keys are left alone.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

_APP_HEADER = "x-app-usage"
_PAGE_HEADER = "x-page-usage"
_BUSINESS_HEADER = "x-business-use-case-usage"
_PERCENTS = ("call_count", "total_time", "total_cputime")
_REGAIN = "estimated_time_to_regain_access"  # minutes
_PAGES = "pages"  # the type of the limits that our calls count against
_MAX_PERCENT = 1000
_MAX_MINUTES = 1440  # no limit counts for longer than a day


@dataclass(frozen=True)
class Usage:
    """Percent of the app's limit and of the caller's own, and how long calls are refused.

    None where the headers do not say.
    """

    app_percent: int | None = None
    percent: int | None = None
    regain: timedelta | None = None


def read_usage(headers: Mapping[str, str], caller: str = "") -> Usage:
    """From an answer's headers, found by lower-case name. What cannot be read counts nothing.

    `caller` is the id of the page or person whose token was used: where the business objects that
    are told of have it among them, the others' figures are not the caller's.
    """
    business = _object(headers.get(_BUSINESS_HEADER))
    if caller in business:
        business = {caller: business[caller]}
    others = [
        entry
        for told in (_object(headers.get(_PAGE_HEADER)), business)
        for entry in _entries(told)
        if entry.get("type", _PAGES) == _PAGES
    ]
    minutes = [_number(entry[_REGAIN]) for entry in others if _REGAIN in entry]
    return Usage(
        app_percent=_percent(_entries(_object(headers.get(_APP_HEADER)))),
        percent=_percent(others),
        regain=timedelta(minutes=max(minutes)) if minutes else None,
    )


def _percent(entries: Iterable[Mapping[str, object]]) -> int | None:
    values = [entry.get(key) for entry in entries for key in _PERCENTS]
    found = [min(value, _MAX_PERCENT) for value in values if isinstance(value, int) and value >= 0]
    return max(found, default=None)


def _object(text: str | None) -> Mapping[str, object]:
    """The JSON object of a header; empty where it is none."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _entries(told: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The objects with figures, wherever they stand."""
    yield told
    for entries in told.values():
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, dict))


def _number(value: object) -> int:
    """Whole minutes; anything else counts nothing."""
    return min(value, _MAX_MINUTES) if isinstance(value, int) and value > 0 else 0
