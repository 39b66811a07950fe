"""The marks that deliveries raise on their pages.

All of it in the caller's transaction. Rows are always written in the same order: two transactions
on PostgreSQL must not wait for each other.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection, case, delete, select, update
from sqlalchemy.sql.elements import ColumnElement

from fbsync.database.inbox_rows import chunks
from fbsync.database.mark_statements import LINK, RAISE, Row, execute
from fbsync.database.schema import deliveries, delivery_pages, pages
from fbsync.page import NoticedBy, PageId
from fbsync.webhook import Delivery


def mark_pages_of(
    connection: Connection, batch: Sequence[Delivery], now: float, *, is_new: bool = True
) -> frozenset[PageId]:
    """Raise the marks of the pages of these kept deliveries, which wait for them from now on.

    Which pages these are. `is_new` is False for a replay: then no event was heard of just now.
    """
    distinct = distinct_of(batch)
    counts = Counter(page for delivery in distinct for page in delivery.page_ids)
    events = {page: delivery.id for delivery in batch for page in delivery.page_ids}
    raise_marks(connection, counts, "webhook", now, events, is_new=is_new)
    named = [(delivery.digest, page) for delivery in distinct for page in delivery.page_ids]
    execute(connection, LINK, named)
    return frozenset(counts)


def distinct_of(batch: Sequence[Delivery]) -> list[Delivery]:
    """One of each body, in the order in which they are written."""
    found = {delivery.digest: delivery for delivery in batch}
    return [found[digest] for digest in sorted(found)]


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
    connection: Connection,
    counts: Mapping[PageId, int],
    noticed_by: NoticedBy,
    now: float,
    events: Mapping[PageId, str] = MappingProxyType({}),
    *,
    is_new: bool = True,
) -> None:
    """Raise each page's counter by its count.

    `events` are the ids of the deliveries that raise them, where it is deliveries that do.
    """
    heard_at = now if noticed_by == "webhook" and is_new else None
    idle = (0, 0, 0.0, 0, 0.0, 0)  # of a new page: see the statement
    rows: list[Row] = [
        (page, counts[page], noticed_by, now, events.get(page), heard_at, *idle)
        for page in sorted(counts)
    ]
    execute(connection, RAISE, rows)


def marks_of(connection: Connection, page_ids: Collection[PageId]) -> dict[PageId, int]:
    """The pages' counters."""
    return {
        PageId(row.page_id): row.marks
        for chunk in chunks(page_ids)
        for row in connection.execute(
            select(pages.c.page_id, pages.c.marks).where(pages.c.page_id.in_(chunk))
        )
    }
