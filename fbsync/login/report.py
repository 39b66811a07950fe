"""What a login brought, as lines of its checklist and as JSON."""

from collections.abc import Collection
from datetime import datetime

from fbsync.checklist import Checklist
from fbsync.errors import FbsyncError
from fbsync.graph.permissions import Permissions
from fbsync.login.login import LoggedIn
from fbsync.wording import counted

_MAX_PROBLEMS_SHOWN = 20


def tell(checklist: Checklist, person: LoggedIn, asked: Collection[str]) -> None:
    """The lines "login", "permissions" and, where pages are missing, "pages".

    `asked` are the permissions that the login needs.
    """
    user = person.user
    detail = (
        f"{user.name}, {counted(len(person.accesses), 'page')}; token: {_until(user.expires_at)}"
    )
    if user.data_access_expires_at:
        detail += f"; access to data: {_until(user.data_access_expires_at)}"
    checklist.add("login", "done", detail)
    lines = _permissions(person.permissions, asked)
    granted = f"{len(user.scopes)} granted"
    checklist.add("permissions", "failed" if lines else "done", "\n".join(lines) or granted)
    missing = [*_pages(person), *person.discovery.notes]
    if missing:
        checklist.add("pages", "failed", "\n".join(missing))


def login_as_json(person: LoggedIn, asked: Collection[str]) -> dict[str, object]:
    """The login's own part of the JSON object of `fbsync login`."""
    user, permissions = person.user, person.permissions
    found: dict[str, object] = {
        "name": user.name,
        "expires_at": _iso(user.expires_at),
        "data_access_expires_at": _iso(user.data_access_expires_at),
        "pages": [access.page_id for access in person.accesses],
        "missing_pages": [
            {"page_id": problem.page_id, "name": problem.name, "reason": problem.reason}
            for problem in person.problems
        ],
        "notes": list(person.discovery.notes),
    }
    if isinstance(permissions, Permissions):
        found["permissions"] = {
            "granted": sorted(permissions.granted),
            "declined": sorted(permissions.declined),
            "expired": sorted(permissions.expired),
            "missing": permissions.missing(asked),
        }
    return found


def _permissions(permissions: Permissions | FbsyncError, asked: Collection[str]) -> list[str]:
    if isinstance(permissions, Permissions):
        return permissions.faults(asked)
    return [f"could not be read: {permissions}"]


def _pages(person: LoggedIn) -> list[str]:
    if not person.problems:
        return []
    shown = person.problems[:_MAX_PROBLEMS_SHOWN]
    lines = [f"{counted(len(person.problems), 'page')} missing or not fully open:"]
    for problem in shown:
        named = f"{problem.page_id} {problem.name}".rstrip()
        lines.append(f"{named}: {' '.join(problem.reason.split())}")
    if len(person.problems) > len(shown):
        lines.append(f"… and {len(person.problems) - len(shown)} more; --json lists all")
    return lines


def _until(end: datetime | None) -> str:
    return f"until {end:%Y-%m-%d}" if end else "no end"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
