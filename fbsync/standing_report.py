"""How the whole stands, as a screen of lines and as JSON."""

from datetime import UTC, datetime

from fbsync.byte_size import show_size
from fbsync.console import Console
from fbsync.database.missed_webhooks import MissedWebhooks
from fbsync.expiry import Lifetime, first_end
from fbsync.standing import Standing, told
from fbsync.wording import counted

_MAX_LOGINS = 5


def show_standing(console: Console, found: Standing) -> None:
    """One line for each part, then what needs attention."""
    inbox, limits = found.inbox, found.limits
    room = f"{show_size(found.size.used_bytes)} of {show_size(limits.max_database_bytes)}"
    console.line("database", f"{found.database} ({room})")
    console.line("store", found.store or "nothing was stored yet")
    console.line(
        "events",
        f"{inbox.deliveries} kept, {counted(found.dead, 'dead letter')}; {_waiting(found)}",
    )
    console.line("pages", _pages(found))
    if found.put_off:
        reason = " ".join(found.put_off.reason.split())
        console.line("put off", f"page {found.put_off.page_id} last: {reason}")
    for login in found.logins[:_MAX_LOGINS]:
        end = first_end(login)
        console.line("login", f"{login.name}, {f'until {_moment(end)}' if end else 'without end'}")
    if len(found.logins) > _MAX_LOGINS:
        console.line("", f"… and {len(found.logins) - _MAX_LOGINS} more")
    console.line("sync", f"of all pages: {_moment(found.last_sync)}" if found.last_sync else "none")
    if found.missed.count:
        console.line("webhooks", _missed(found.missed))
    attention = found.attention
    for line in attention:
        console.line("attention", line, "red")
    if not attention:
        console.line("", "all in order")


def standing_as_json(found: Standing) -> dict[str, object]:
    """Everything, with times as ISO 8601 in UTC, None where there is none."""
    inbox = found.inbox
    return {
        "ok": not found.attention,
        "attention": found.attention,
        "database": {
            "address": found.database,
            "bytes": found.size.used_bytes,
            "max_bytes": found.limits.max_database_bytes,
            "disk_free_bytes": found.size.free_bytes,
        },
        "store": found.store,
        "store_fault": found.store_fault,
        "pages_not_in_store": found.moving,
        "waiting": _waiting_as_json(found),
        "deliveries": inbox.deliveries,
        "put_off": _put_off_as_json(found),
        "dead": found.dead,
        "fresh_dead": found.fresh_dead,
        "pages": inbox.pages,
        "versions": inbox.versions,
        "parked": _parked_as_json(found),
        "logins": [_login_as_json(login) for login in found.logins],
        "last_sync": _iso(found.last_sync),
        "missed_webhooks": _missed_as_json(found.missed),
    }


def _parked_as_json(found: Standing) -> list[dict[str, object]]:
    return [
        {
            "page_id": page.page_id,
            "reason": page.reason,
            "events": page.events,
            "managed": page.managed,
        }
        for page in found.parked
    ]


def _waiting_as_json(found: Standing) -> dict[str, object]:
    inbox, wait = found.inbox, found.oldest_wait
    return {
        "events": inbox.events,
        "max_events": found.limits.max_waiting,
        "pages": inbox.waiting,
        "leased": inbox.leased,
        "oldest": _iso(inbox.waiting_since if wait is not None else None),
        "oldest_seconds": None if wait is None else wait.total_seconds(),
    }


def _missed(missed: MissedWebhooks) -> str:
    last = f", the last at {_moment(missed.last_at)}" if missed.last_at else ""
    return (
        f"{counted(missed.count, 'change')} found by a poll first{last} (page {missed.last_page})"
    )


def _put_off_as_json(found: Standing) -> dict[str, object] | None:
    last = found.put_off
    return {"page_id": last.page_id, "reason": last.reason} if last else None


def _missed_as_json(missed: MissedWebhooks) -> dict[str, object]:
    last_at = _iso(missed.last_at)
    return {"count": missed.count, "last_page": missed.last_page, "last_at": last_at}


def _waiting(found: Standing) -> str:
    inbox, wait = found.inbox, found.oldest_wait
    if wait is None:
        return "none waits"
    leased = f", {inbox.leased} of them in hand" if inbox.leased else ""
    waits = counted(inbox.events, "waits", "wait")
    return f"{waits} for {counted(inbox.waiting, 'page')}{leased}, the oldest for {told(wait)}"


def _pages(found: Standing) -> str:
    managed, others = len(found.managed), len(found.parked) - len(found.managed)
    strange = f", {others} that nobody here manages" if others else ""
    return (
        f"{found.inbox.pages} known, {counted(found.inbox.versions, 'version')} stored, {managed}"
        f" set aside{strange}; one by one: fbsync pages"
    )


def _login_as_json(login: Lifetime) -> dict[str, object]:
    return {
        "user_id": login.user_id,
        "name": login.name,
        "expires_at": _iso(login.expires_at),
        "data_access_expires_at": _iso(login.data_access_expires_at),
    }


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
