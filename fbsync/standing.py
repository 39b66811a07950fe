"""`fbsync status`: how the whole stands, and what somebody should see to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fbsync.backlog import Backlog
from fbsync.byte_size import show_size
from fbsync.database.missed_webhooks import MissedWebhooks
from fbsync.database.parked import ParkedPage
from fbsync.database.put_off import PutOff
from fbsync.database.size import DatabaseSize
from fbsync.expiry import Lifetime, warnings
from fbsync.grouped_reasons import grouped
from fbsync.listening.back_pressure import refusal
from fbsync.ports import InboxStatus
from fbsync.settings.limits import Limits
from fbsync.wording import counted

MAX_WAIT = timedelta(minutes=20)
"""Longer than the longest time between two tries of a page (15 minutes)."""

MAX_SYNC_AGE = timedelta(days=2)
"""A sync is due daily, as not every field has a webhook: one was missed, and half a day more."""

FULL = 0.8
"""Of a limit above which deliveries are refused: time enough to act."""

LOW_DISK_BYTES = 10**9
"""Free on the database's disk: long before RESERVE_BYTES, where deliveries are refused."""

FRESH = timedelta(days=2)
"""How long a dead letter needs attention: time to see it. It is counted until it is pruned."""


@dataclass(frozen=True)
class Standing:
    """All that was found at `now`. `database` and `store` are addresses, without any secret.

    `store` is where the objects went last, None before the first; `last_sync` is the last one into
    it, and `moving` are the pages of another one that it does not have yet. `put_off` is the
    waiting page whose last try failed last. `fresh_dead` are the dead letters since FRESH.
    `store_fault` is why the store that the settings name cannot be used, None where it can.
    """

    now: datetime
    database: str
    size: DatabaseSize
    store: str | None
    inbox: InboxStatus
    limits: Limits
    parked: Sequence[ParkedPage]
    put_off: PutOff | None
    dead: int
    fresh_dead: int
    logins: Sequence[Lifetime]
    last_sync: datetime | None
    missed: MissedWebhooks
    moving: int = 0
    store_fault: str | None = None

    @property
    def oldest_wait(self) -> timedelta | None:
        """How long the oldest event has waited; None where none waits."""
        since = self.inbox.waiting_since
        return max(self.now - since, timedelta()) if since and self.inbox.waiting else None

    @property
    def managed(self) -> list[ParkedPage]:
        """The parked pages that somebody here opened to us."""
        return [page for page in self.parked if page.managed]

    @property
    def attention(self) -> list[str]:
        """What somebody should see to, one line each; empty where all is in order."""
        return [
            *_of_logins(self),
            *_of_store(self),
            *grouped((page.page_id, page.reason) for page in self.managed),
            *_of_events(self),
            *_of_sync(self),
            *_of_room(self),
        ]


def told(span: timedelta) -> str:
    """The time in the largest unit of which there are two, such as 3 hours."""
    seconds = int(span.total_seconds())
    for name, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {name}"
    return f"{seconds} seconds"


def _of_logins(found: Standing) -> Iterator[str]:
    if not found.logins:
        yield "nobody is logged in; run fbsync login"
    for login in found.logins:
        for warning in warnings(login, found.now):
            yield " ".join(warning.split())


def _of_store(found: Standing) -> Iterator[str]:
    if found.store_fault:
        yield " ".join(found.store_fault.split())
    if found.moving:
        are = counted(found.moving, "page is", "pages are")
        yield f"{are} not in this store yet, as it was changed; run fbsync sync"


def _of_events(found: Standing) -> Iterator[str]:
    wait = found.oldest_wait
    if wait is not None and wait > MAX_WAIT:
        yield (
            f"an event has waited for {told(wait)}: no worker runs (fbsync listen, fbsync worker),"
            " or its tries fail; fbsync events --state waiting"
        )
    if found.fresh_dead:
        yield (
            f"{counted(found.fresh_dead, 'dead letter')} in the last {told(FRESH)}: events from"
            " which no page could be read; fbsync events --state dead"
        )


def _of_sync(found: Standing) -> Iterator[str]:
    last = found.last_sync
    if not found.logins:
        return
    if last is None:
        # A login mirrors what it finds, so the first sync is due a day after it.
        known = [login.logged_in_at for login in found.logins if login.logged_in_at]
        if not known or found.now - min(known) > MAX_SYNC_AGE:
            yield "no fbsync sync of all pages has ended well yet; run it daily"
    elif found.now - last > MAX_SYNC_AGE:
        age = told(found.now - last)
        yield f"the last fbsync sync of all pages that ended well was {age} ago; run it daily"


def _of_room(found: Standing) -> Iterator[str]:
    events, limits, used = found.inbox.events, found.limits, found.size.used_bytes
    free = found.size.free_bytes
    refused = refusal(Backlog(found.inbox, used, free, found.now), limits)
    if refused:
        yield f"a listener refuses events: {' '.join(refused.split())}"
        return
    if free is not None and free < LOW_DISK_BYTES:
        yield f"only {show_size(free)} are free on the database's disk; make room on it"
    if events >= FULL * limits.max_waiting:
        yield (
            f"{events} events wait; from {limits.max_waiting} on (FBSYNC_MAX_WAITING) a listener"
            " refuses more"
        )
    if used >= FULL * limits.max_database_bytes:
        most = show_size(limits.max_database_bytes)
        yield (
            f"the database takes {show_size(used)}; from {most} on (FBSYNC_MAX_DATABASE) a listener"
            " refuses events"
        )
