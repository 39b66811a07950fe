"""The kept events, as tables, lines and JSON."""

import base64
from collections.abc import Sequence
from datetime import datetime

from fbsync.console import Console
from fbsync.database.delivery_log import KeptDelivery, PageStand
from fbsync.database.replay import Replayed
from fbsync.delivery_body import changed_fields, pretty
from fbsync.wording import counted

_MAX_PAGES = 3
_MAX_LISTED = 50
_MAX_CHARACTERS = 50_000
_MAX_LINES = 200
"""Of a body; `--json` and `export --body` hold all of it."""


def show_events(console: Console, found: Sequence[KeptDelivery], *, more: bool) -> None:
    """A row for each event; no body, as it may hold a person's data."""
    if not found:
        console.line("", "no such events are kept")
        return
    rows = [
        (one.id, _moment(one.received_at), one.state, _pages(one), str(one.copies)) for one in found
    ]
    console.table(("Event", "Received (UTC)", "State", "Pages", "Copies"), rows)
    if more:
        console.line("", f"… and older ones; --limit {2 * len(found)} shows more")


def show_event(
    console: Console, found: KeptDelivery, stands: Sequence[PageStand], body: bytes
) -> None:
    """All of one event: where its pages stand, which fields changed, and its body."""
    console.line("event", found.id)
    console.line("sha256", found.digest)
    copies = f", {found.copies} times" if found.copies > 1 else ""
    console.line("received", f"{_moment(found.received_at)} UTC{copies}")
    console.line("state", f"{found.state}{f': {found.fault}' if found.fault else ''}")
    _some(console, "page", [f"{stand.page_id}: {_standing(stand)}" for stand in stands])
    fields = changed_fields(body)
    _some(
        console,
        "changed",
        [f"{page}: {_cut(names) or 'no field is named'}" for page, names in fields.items()],
    )
    text = pretty(body)
    lines = text[:_MAX_CHARACTERS].splitlines()
    for line in lines[:_MAX_LINES]:
        console.line("", line)
    if len(text) > _MAX_CHARACTERS or len(lines) > _MAX_LINES:
        console.line("", "… and more; --json holds all of the body")


def show_replayed(console: Console, found: Replayed) -> None:
    """What was replayed, and what stays dead."""
    for one in found.still_dead:
        console.line("dead", f"{one} still names no page; see fbsync events show {one}", "red")
    pages = f"the next worker reads {counted(len(found.page_ids), 'page')} again"
    console.line(counted(found.deliveries, "event"), f"replayed; {pages}")


def event_as_json(found: KeptDelivery, body: bytes | None = None) -> dict[str, object]:
    """One event; with `body`, its raw bytes in base64."""
    shown: dict[str, object] = {
        "id": found.id,
        "sha256": found.digest,
        "received_at": found.received_at.isoformat(timespec="milliseconds"),
        "pages": list(found.page_ids),
        "state": found.state,
        "copies": found.copies,
        "fault": found.fault,
    }
    return shown if body is None else shown | {"body": base64.b64encode(body).decode()}


def stands_as_json(stands: Sequence[PageStand], body: bytes) -> dict[str, object]:
    """Where each page stands, and which of its fields the event names."""
    fields = changed_fields(body)
    return {
        "stands": [
            {
                "page_id": stand.page_id,
                "read": stand.is_done,
                "parked": stand.parked,
                "reason": stand.reason,
                "changed": fields.get(stand.page_id, []),
            }
            for stand in stands
        ]
    }


def replayed_as_json(found: Replayed) -> dict[str, object]:
    """What was replayed, and what stays dead."""
    return {
        "ok": not found.still_dead,
        "events": found.deliveries,
        "pages": sorted(found.page_ids),
        "still_dead": list(found.still_dead),
    }


def _some(console: Console, mark: str, lines: Sequence[str]) -> None:
    """A line for each of the first; how many more there are."""
    for line in lines[:_MAX_LISTED]:
        console.line(mark, line)
    if len(lines) > _MAX_LISTED:
        console.line(mark, f"… and {len(lines) - _MAX_LISTED} more; --json lists all")


def _cut(names: Sequence[str]) -> str:
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" … and {more} more" if more > 0 else "")


def _standing(stand: PageStand) -> str:
    reason = " ".join((stand.reason or "").split())
    if stand.is_done:
        return "read since"
    if stand.parked:
        return f"parked: {reason}"
    return f"waits; the last try: {reason}" if reason else "waits for a worker"


def _pages(found: KeptDelivery) -> str:
    more = f" +{len(found.page_ids) - _MAX_PAGES}" if len(found.page_ids) > _MAX_PAGES else ""
    return ", ".join(found.page_ids[:_MAX_PAGES]) + more


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
