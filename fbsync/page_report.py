"""The overview of all pages, as a table and as JSON."""

from datetime import UTC, datetime

from fbsync.console import Console
from fbsync.grouped_reasons import grouped
from fbsync.page_overview import Overview, PageRow
from fbsync.subscription_plan import AppSubscription
from fbsync.wording import counted

MAX_ROWS = 200
"""Of the table; pages that need attention come first where there are more."""


def show_overview(console: Console, found: Overview) -> None:
    """A table, what needs attention line by line, and one line for the app's level."""
    rows = list(found.rows)
    if len(rows) > MAX_ROWS:
        rows.sort(key=lambda row: not row.attention)
    shown = rows[:MAX_ROWS]
    columns = ("Page", "Name", "Token", "Fields", "Version", "Stored", "Last event")
    console.table(columns, [_cells(row, len(found.wanted)) for row in shown])
    if len(rows) > len(shown):
        console.line("", f"… and {len(rows) - len(shown)} more; --json lists all")
    for line in grouped((row.page_id, text) for row in rows for text in row.attention):
        console.line("attention", line, "red")
    if found.unmanaged:
        text = f"{counted(found.unmanaged, 'id')} that events named, and nobody here manages"
        console.line("not listed", text)
    if found.failure is None:
        console.line("app", _describe_app(found.app))
    troubled = sum(bool(row.attention) for row in rows)
    console.line(
        counted(len(rows), "page"),
        counted(troubled, "needs attention", "need attention") if troubled else "all in order",
    )


def overview_as_json(found: Overview) -> dict[str, object]:
    """Everything, with times as ISO 8601 in UTC, None where there is none."""
    return {
        "ok": found.ok,
        "facebook": found.failure,
        "app": {
            "callback_url": found.app.callback_url,
            "active": found.app.active,
            "fields": sorted(found.app.fields),
        }
        if found.app
        else None,
        "wanted": sorted(found.wanted),
        "unmanaged": found.unmanaged,
        "pages": [_row_as_json(row, found) for row in found.rows],
    }


def _cells(row: PageRow, wanted: int) -> tuple[str, ...]:
    ends = f" until {row.login_ends:%Y-%m-%d}" if row.login_ends else ""
    return (
        row.page_id,
        row.name,
        f"{row.token}{ends}",
        "?" if row.live is None else f"{len(row.live)}/{wanted}",
        str(row.version or "none"),
        _moment(row.stored_at),
        _moment(row.last_event_at),
    )


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" if at else ""


def _describe_app(app: AppSubscription | None) -> str:
    if app is None:
        return "no webhook subscription; run fbsync subscribe"
    return f"{'active' if app.active else 'switched off'}, calls {app.callback_url}"


def _row_as_json(row: PageRow, found: Overview) -> dict[str, object]:
    return {
        "page_id": row.page_id,
        "name": row.name,
        "token": row.token,
        "login_ends": _iso(row.login_ends),
        "live": None if row.live is None else sorted(row.live),
        "missing": None if row.live is None else sorted(found.wanted - row.live),
        "version": row.version,
        "stored_at": _iso(row.stored_at),
        "last_event_at": _iso(row.last_event_at),
        "attention": list(row.attention),
    }


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
