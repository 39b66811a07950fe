"""How much of its invented limits an app has used, and throttles (Meta, "Rate limits").

The app's limit counts calls with app and user tokens; each page has one of its own for calls with
its tokens. Refused calls go on counting. A limit refills steadily: a quarter of the refill time
brings back a quarter of the calls.
"""

import json
import math
import time
from dataclasses import dataclass

from fbsync.sandbox.graph_error import GraphError, app_limit_reached, page_limit_reached
from fbsync.sandbox.tokens import Token
from fbsync.sandbox.world import World

_CALLS_PER_PERCENT = 100  # where no limit is set
_MAX_IDS = 32  # in one header


@dataclass(frozen=True)
class Usage:
    """What one call's answer tells, and the error if the call is refused."""

    headers: dict[str, str]
    refused: GraphError | None = None


def count(world: World, token: Token) -> Usage:
    """Count one call of this token's."""
    switches = world.switches
    name = token.page or "app"
    limit = switches.page_call_limit if token.page else switches.app_call_limit
    shown = switches.page_usage_percent if token.page else switches.app_usage_percent
    with world.lock:
        world.call_count += 1
        percent, minutes = world.call_count // _CALLS_PER_PERCENT, 0
        refused = False
        if limit:
            used = _count_up(world, name, limit)
            percent, refused = int(100 * used / limit), used > limit
            regain_seconds = (used - limit) / limit * switches.limit_refill_seconds
            minutes = math.ceil(regain_seconds / 60) if refused else 0
    percent = min(100, max(percent, shown))
    if token.page is None:
        headers = app_headers(percent) if percent else {}
        return Usage(headers, app_limit_reached() if refused else None)
    headers = page_headers(token.page, percent, minutes) if percent else {}
    if percent and switches.page_usage_header:
        headers["x-page-usage"] = json.dumps(_figures(percent))
    return Usage(headers, page_limit_reached() if refused else None)


def app_headers(percent: int) -> dict[str, str]:
    """X-App-Usage."""
    return {"x-app-usage": json.dumps(_figures(percent))}


def page_headers(page: str, percent: int, minutes: int) -> dict[str, str]:
    """X-Business-Use-Case-Usage for one page; `minutes` until calls are answered again."""
    entry = {"type": "pages", **_figures(percent), "estimated_time_to_regain_access": minutes}
    return {"x-business-use-case-usage": json.dumps({page: [entry]})}


def joined(answers: list[dict[str, str]]) -> dict[str, str]:
    """The usage headers of a batch's items as those of the whole batch."""
    found: dict[str, str] = {}
    pages: dict[str, object] = {}
    for headers in answers:
        pages |= json.loads(headers.get("x-business-use-case-usage", "{}"))
        found |= {name: headers[name] for name in ("x-app-usage",) if name in headers}
    if pages:
        shown = dict(list(pages.items())[-_MAX_IDS:])
        found["x-business-use-case-usage"] = json.dumps(shown)
    return found


def _figures(percent: int) -> dict[str, int]:
    return {"call_count": percent, "total_cputime": percent, "total_time": percent}


def _count_up(world: World, name: str, limit: int) -> float:
    """Calls used now, this one included."""
    used, before = world.used_calls.get(name, (0.0, 0.0))
    now = time.time()
    refilled = max(0.0, now - before) * limit / max(world.switches.limit_refill_seconds, 1e-9)
    used = max(0.0, used - refilled) + 1
    world.used_calls[name] = (used, now)
    return used
