"""Deliveries kept once, and the marks that they raise on their pages.

All of it in the caller's transaction. Rows are always written in the same order: two transactions
on PostgreSQL must not wait for each other.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection, case, delete, select, update
from sqlalchemy.sql.elements import ColumnElement

from fbsync.database.engine import Database
from fbsync.database.inbox_rows import chunks, delivery_row
from fbsync.database.mark_statements import keeping, linking, marks_of_pages, raising
from fbsync.database.schema import deliveries, delivery_pages, pages
from fbsync.page import NoticedBy, PageId
from fbsync.webhook import Delivery


def keep(database: Database, connection: Connection, batch: Sequence[Delivery], now: float) -> None:
    """Keep each body once and raise its pages' marks: by one for each distinct body."""
    ordered = sorted(batch, key=lambda delivery: delivery.digest)
    connection.execute(keeping(database.insert), [delivery_row(delivery) for delivery in ordered])
    mark_pages_of(database, connection, batch, now)


def mark_pages_of(
    database: Database,
    connection: Connection,
    batch: Sequence[Delivery],
    now: float,
    *,
    is_new: bool = True,
) -> dict[PageId, int]:
    """Raise the marks of the pages of these kept deliveries, which wait for them from now on.

    The counters after it. `is_new` is False for a replay: then no event was heard of just now.
    """
    distinct = {delivery.digest: delivery for delivery in batch}
    counts = Counter(page for delivery in distinct.values() for page in delivery.page_ids)
    events = {page: delivery.id for delivery in batch for page in delivery.page_ids}
    marks = raise_marks(database, connection, counts, "webhook", now, events, is_new=is_new)
    _link(database, connection, list(distinct.values()), marks)
    return marks


def forget(connection: Connection, delivery_ids: Sequence[int]) -> None:
    """Delete these deliveries (at most some hundred); the marks that they raised stay.

    Their links go second: a copy that is being recorded links anew until the row is locked.
    """
    connection.execute(delete(deliveries).where(deliveries.c.id.in_(delivery_ids)))
    links = delivery_pages.c.delivery_id.in_(delivery_ids)
    connection.execute(delete(delivery_pages).where(links))


def lock_pages(
    connection: Connection, which: ColumnElement[bool], *, skip_locked: bool = False
) -> list[PageId]:
    """Lock these pages' rows in their order, before they are changed at once; which they are.

    An update of several rows locks them in the order in which it finds them. `skip_locked` leaves
    those out that others have locked.
    """
    ordered = select(pages.c.page_id).where(which).order_by(pages.c.page_id)
    found = connection.execute(ordered.with_for_update(skip_locked=skip_locked)).scalars()
    return [PageId(page) for page in found]


def mark_for_second_looks(
    connection: Connection,
    now: ColumnElement[float],
    waiting_since: float,
    only: Collection[PageId] | None,
) -> None:
    """Mark the pages whose second look is due, and trust their digests no more."""
    which = pages.c.look_again_at <= now
    if only is not None:
        which &= pages.c.page_id.in_(only)
    found = lock_pages(connection, which, skip_locked=True)
    for chunk in chunks(found):
        again, is_idle = pages.c.marks + 1, pages.c.marks == pages.c.done
        values = {
            "marks": again,
            "suspect": again,
            "look_again_at": None,
            "waiting_since": case((is_idle, waiting_since), else_=pages.c.waiting_since),
        }
        connection.execute(update(pages).where(pages.c.page_id.in_(chunk)).values(values))


def raise_marks(
    database: Database,
    connection: Connection,
    counts: Mapping[PageId, int],
    noticed_by: NoticedBy,
    now: float,
    events: Mapping[PageId, str] = MappingProxyType({}),
    *,
    is_new: bool = True,
) -> dict[PageId, int]:
    """Raise each page's counter by its count; the counters after it.

    `events` are the ids of the deliveries that raise them, where it is deliveries that do.
    """
    if not counts:
        return {}
    is_event = noticed_by == "webhook"
    rows = [
        {
            "page_id": page_id,
            "marks": counts[page_id],
            "noticed_by": noticed_by,
            "waiting_since": now,
            "event": events.get(page_id),
            "last_event_at": now if is_event and is_new else None,
        }
        for page_id in sorted(counts)
    ]
    connection.execute(raising(database.insert, is_event), rows)
    return {
        PageId(page): marks
        for chunk in chunks(counts)
        for page, marks in connection.execute(marks_of_pages(), {"page_ids": chunk})
    }


def _link(
    database: Database,
    connection: Connection,
    distinct: Sequence[Delivery],
    marks: Mapping[PageId, int],
) -> None:
    """Note which mark of each of its pages a delivery waits for."""
    rows = [
        {"of_digest": delivery.digest, "page_id": page, "mark": marks[page]}
        for delivery in distinct
        for page in delivery.page_ids
    ]
    if rows:
        connection.execute(linking(database.insert), rows)
