"""A page's history as a timeline, and as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fbsync.change_report import changes_as_json, describe_list_change, list_change_as_json
from fbsync.console import Console
from fbsync.errors import UnreadableDocument
from fbsync.field_list import ListChange
from fbsync.page import PageVersion, Tombstone
from fbsync.wording import counted

_NOTICED = {"first": "first read", "webhook": "webhook", "sync": "poll"}

_MAX_REASON = 80


def show_history(
    console: Console,
    page: str,
    versions: Sequence[PageVersion | Tombstone],
    limit: int,
    total: int,
    damaged: Sequence[UnreadableDocument] = (),
) -> None:
    """A row for each of the first `limit` versions, newest first. The store holds `total`.

    `damaged` are those among them that cannot be read, which get a line each.
    """
    rows = [
        (
            version.number,
            f"{noticed_at(version).astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            _NOTICED[version.noticed_by],
            _what(version, versions[place + 1] if place + 1 < len(versions) else None),
        )
        for place, version in enumerate(versions[: limit - len(damaged)])
    ]
    console.table(("Version", "When (UTC)", "Noticed by", "What"), rows)
    for error in damaged:
        console.line("damaged", " ".join(str(error).split()), "red")
    if total > limit:
        console.line("", f"… and {counted(total - limit, 'older one')}; --limit {total} shows all")
    elif len(versions) > 1:
        console.line("", f"To see what changed: fbsync diff {page}")


def history_as_json(
    page: str,
    versions: Sequence[PageVersion | Tombstone],
    total: int,
    damaged: Sequence[UnreadableDocument] = (),
) -> dict[str, object]:
    """The versions, newest first, with whole values of what changed, without the snapshots.

    `damaged` has the keys of those that cannot be read, and why.
    """
    return {
        "page_id": page,
        "total": total,
        "versions": [version_as_json(version) for version in versions],
        "damaged": [{"key": error.key, "reason": str(error)} for error in damaged],
    }


def version_as_json(version: PageVersion | Tombstone) -> dict[str, object]:
    """One version: `inaccessible` is the reason where the page could not be read, else null."""
    copy = version if isinstance(version, PageVersion) else None
    return {
        "number": version.number,
        "noticed_at": noticed_at(version).isoformat(timespec="milliseconds"),
        "noticed_by": version.noticed_by,
        "inaccessible": version.reason if isinstance(version, Tombstone) else None,
        "changes": changes_as_json(copy.changes) if copy else [],
        **list_change_as_json(copy.list_change if copy else ListChange()),
    }


def brief(reason: str) -> str:
    """What happened, in a part of a line; the JSON and `fbsync show` have all of it."""
    first = " ".join(next(iter(reason.splitlines()), "").split())
    return first if len(first) <= _MAX_REASON else f"{first[:_MAX_REASON]}…"


def noticed_at(version: PageVersion | Tombstone) -> datetime:
    """When the page was read like this, or when it was found to be inaccessible."""
    return version.noticed_at if isinstance(version, Tombstone) else version.snapshot.fetched_at


def _what(version: PageVersion | Tombstone, older: PageVersion | Tombstone | None) -> str:
    if isinstance(version, Tombstone):
        return f"inaccessible: {brief(version.reason)}"
    names = ", ".join(change.name for change in version.changes)
    if version.number == 1:
        return f"first copy, {counted(len(version.snapshot.fields), 'field')}"
    listed = describe_list_change(version.list_change)
    if isinstance(older, Tombstone):
        again = f"accessible again; changed since: {names or 'nothing'}"
        return f"{again}; {listed}" if listed else again
    return "; ".join(filter(None, (names, listed))) or "the same, stored again"
