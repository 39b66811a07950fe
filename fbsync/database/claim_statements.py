"""Which pages may be claimed, and the lease on those that are.

A lease that ran out was a dead worker's, which may have written what it did not finish.
"""

import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, case, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from fbsync.database.field_lists import ASKED_FIELDS
from fbsync.database.inbox_rows import claim_of
from fbsync.database.schema import pages
from fbsync.database.store_address import is_store
from fbsync.errors import StoreMoved
from fbsync.page import PageId
from fbsync.ports import LEASE_SECONDS, LONGEST_PUT_SECONDS, Claim

# Two clocks never differ so much by chance: a lease that ends later is of a clock since set back.
_LONGEST_LEASE_SECONDS = 2 * LEASE_SECONDS


def due(now: ColumnElement[float], limit: int, only: Collection[PageId] | None) -> Select[Any]:
    """The pages that are due a read and that nobody has in hand, those that wait longest first.

    Those that were put off come after the others, as nobody knows whether they work by now.
    """
    found = (
        select(pages, ASKED_FIELDS)
        .where(pages.c.marks > pages.c.done, pages.c.parked_at.is_(None))
        .where(pages.c.due_at <= now, _is_free(now))
        .order_by(pages.c.due_at, pages.c.waiting_since, pages.c.page_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return found if only is None else found.where(pages.c.page_id.in_(only))


def free(now: ColumnElement[float], page_ids: Collection[PageId]) -> Select[Any]:
    """Those of these pages that nobody has in hand."""
    return (
        select(pages, ASKED_FIELDS)
        .where(pages.c.page_id.in_(page_ids), _is_free(now))
        .order_by(pages.c.page_id)
        .with_for_update(skip_locked=True)
    )


def lease_pages(
    connection: Connection,
    which: Select[Any],
    now: ColumnElement[float],
    store: str | None,
) -> list[Claim]:
    """Lease these pages, in the caller's transaction. `store` and errors as for ports.Inbox.

    A move marks what is leased, so it must see the lease, or we the move.
    """
    rows = connection.execute(which).all()
    if not rows:
        return []
    if store is not None and not is_store(connection, store):
        raise StoreMoved(store)
    lease = uuid.uuid4().hex
    connection.execute(
        update(pages)
        .where(pages.c.page_id.in_([row.page_id for row in rows]))
        .values(lease=lease, leased_until=now + LEASE_SECONDS, **_taken_over(now))
    )
    return [claim_of(row, lease) for row in rows]


def _is_free(now: ColumnElement[float]) -> ColumnElement[bool]:
    until = pages.c.leased_until
    return or_(until <= now, until > now + _LONGEST_LEASE_SECONDS)


def _taken_over(now: ColumnElement[float]) -> dict[str, Any]:
    """A lease that is still there was a dead worker's: its last write may have come, or may yet."""
    is_dead, again_at = pages.c.lease.is_not(None), now + LONGEST_PUT_SECONDS
    return {
        "suspect": case((is_dead, pages.c.marks), else_=pages.c.suspect),
        "look_again_at": case((is_dead, again_at), else_=pages.c.look_again_at),
    }
