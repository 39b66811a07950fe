"""A subscription's plan and its result, as a table, lines and JSON."""

from collections import Counter
from collections.abc import Iterable, Sequence

from fbsync.checklist import Step
from fbsync.console import Console
from fbsync.errors import FbsyncError
from fbsync.subscribe.subscriber import Subscribed
from fbsync.subscription_plan import AppPlan, FieldPlan, Level, Plan
from fbsync.wording import counted

_MAX_ROWS = 50
_SETS = ("add", "keep", "stale", "foreign", "remove")
_UNREAD = ["cannot be read", "", "", "", ""]
_CALLBACKS = {
    "none": "no callback yet",
    "ours": "calls us",
    "foreign": "calls another address",
}


def show_plan(console: Console, plan: Plan) -> None:
    """The app's row, and one for each group of pages that need the same."""
    if isinstance(plan.app, FbsyncError):
        rows = [["app", *_UNREAD]]
    else:
        rows = [[f"app, {_CALLBACKS[plan.app.callback]}", *_cells(plan.app.fields)]]
    groups: dict[tuple[str, ...], list[str]] = {}
    for page, fields in plan.pages.items():
        cells = _UNREAD if isinstance(fields, FbsyncError) else _cells(fields)
        groups.setdefault(tuple(cells), []).append(page)
    rows += [[_pages(pages), *cells] for cells, pages in groups.items()][:_MAX_ROWS]
    console.table(("Plan for", "Add", "Keep", "Stale", "Foreign", "Remove"), rows)


def show_obstacles(console: Console, plan: Plan) -> None:
    """Why a plan, or a part of it, could not be carried out."""
    app = str(plan.app) if isinstance(plan.app, FbsyncError) else plan.app.obstacle
    if app:
        console.step(Step("app subscription", "failed", app))
    unread = [(page, found) for page, found in plan.pages.items() if isinstance(found, FbsyncError)]
    for page, error in unread[:_MAX_ROWS]:
        console.step(Step(f"page {page}", "failed", str(error)))


def show_result(console: Console, found: Subscribed) -> None:
    """What became of both levels: failures one by one, the others counted."""
    app = found.app
    console.step(Step("app subscription", "done" if app.ok else "failed", _told(app)))
    for level in [page for page in found.pages if not page.ok][:_MAX_ROWS]:
        console.step(Step(f"page {level.page_id}", "failed", level.detail))
    for told, count in Counter(_told(page) for page in found.pages if page.ok).items():
        console.step(Step(counted(count, "page"), "done", told))
    if found.wanted:
        live = sum(found.live(page) == found.wanted for page in found.pages)
        fields, pages = counted(len(found.wanted), "field"), counted(len(found.pages), "page")
        detail = f"{fields} at both levels for {live} of {pages}"
        console.step(Step("on", "done" if live == len(found.pages) else "failed", detail))


def show_polled(console: Console, names: Sequence[str]) -> None:
    """Which mirrored fields have no webhook."""
    if names:
        told = f"no webhook tells of {', '.join(names)}: only fbsync sync finds their changes"
        console.line("polled", told)


def plan_as_json(plan: Plan) -> dict[str, object]:
    """Both levels of a plan that was not applied."""
    return {
        "app": _app_as_json(plan.app),
        "pages": [
            {"page_id": page, **_fields_as_json(fields)} for page, fields in plan.pages.items()
        ],
    }


def result_as_json(plan: Plan, found: Subscribed) -> dict[str, object]:
    """Both levels: the plan, what became of it, and what is on at both now."""
    return {
        "app": {**_app_as_json(plan.app), **_level_as_json(found.app)},
        "pages": [
            {
                "page_id": page.page_id,
                **_fields_as_json(fields),
                **_level_as_json(page),
                "live": sorted(found.live(page)),
                "missing": sorted(found.wanted - found.live(page)),
            }
            for page, fields in zip(found.pages, plan.pages.values(), strict=True)
        ],
    }


def _told(level: Level) -> str:
    return f"{level.action}: {level.detail}" if level.ok else level.detail


def _pages(pages: Sequence[str]) -> str:
    return f"page {pages[0]}" if len(pages) == 1 else f"{len(pages)} pages"


def _cells(fields: FieldPlan) -> list[str]:
    return [
        _names(fields.add),
        str(len(fields.keep)) if fields.keep else "",
        *(_names(names) for names in (fields.stale, fields.foreign, fields.remove)),
    ]


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _app_as_json(app: AppPlan | FbsyncError) -> dict[str, object]:
    if isinstance(app, FbsyncError):
        return {"error": str(app)}
    return {
        "callback": app.callback,
        "callback_url": app.found.callback_url if app.found else None,
        "active": app.found.active if app.found else False,
        "blocked": app.blocked,
        **_fields_as_json(app.fields),
    }


def _fields_as_json(fields: FieldPlan | FbsyncError) -> dict[str, object]:
    if isinstance(fields, FbsyncError):
        return {"error": str(fields)}
    return {name: sorted(getattr(fields, name)) for name in _SETS}


def _level_as_json(level: Level) -> dict[str, object]:
    return {"action": level.action, "detail": level.detail, "on": sorted(level.on)}
