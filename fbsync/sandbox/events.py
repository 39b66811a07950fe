"""What a change of a page tells: the entries of a webhook delivery (Meta, "Webhooks reference")."""

import time
from collections.abc import Iterator
from typing import Any

from fbsync.sandbox.subscriptions import wanted_fields
from fbsync.sandbox.webhook_fields import webhook_field
from fbsync.sandbox.world import World

MAX_UPDATES = 1000
"""Updates in one request (Meta, "Webhooks: getting started")."""

Entry = dict[str, Any]


def entries_for(world: World, changed: dict[str, list[str]]) -> list[Entry]:
    """One entry for each page with a changed field that is on at both levels."""
    found = (_entry(world, page, names) for page, names in changed.items())
    return [entry for entry in found if entry]


def bodies(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Entries that share a body: at most so many updates in each."""
    body: list[Entry] = []
    size = 0
    for entry in entries:
        updates = len(entry.get("changes", ())) + len(entry.get("changed_fields", ()))
        if body and size + updates > MAX_UPDATES:
            yield body
            body, size = [], 0
        body.append(entry)
        size += updates
    if body:
        yield body


def test_entry(field: str, value: object) -> Entry:
    """What the dashboard's Test button sends: an invented value for the page "0"."""
    return {"id": "0", "time": int(time.time()), "changes": [{"field": field, "value": value}]}


def _entry(world: World, page: str, names: list[str]) -> Entry | None:
    wanted = wanted_fields(world, page)
    facts = world.page(page) or {}
    told = {hook: name for name in names if (hook := webhook_field(name)) in wanted and hook}
    if not told:
        return None
    entry: Entry = {"id": page, "time": int(time.time())}
    if not world.app_subscriptions["page"].include_values:
        return entry | {"changed_fields": list(told)}
    has_values = not world.switches.leave_out_values
    changes = [
        {"field": hook} | ({"value": facts[name]} if has_values and name in facts else {})
        for hook, name in told.items()
    ]
    return entry | {"changes": changes}
