"""Deliveries kept once, and the marks that they raise on their pages.

All of it in the caller's transaction. Rows are always written in the same order: two transactions
on PostgreSQL must not wait for each other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, case, delete, func, select

from fbsync.database.engine import Database
from fbsync.database.inbox_rows import chunks, delivery_row
from fbsync.database.schema import deliveries, delivery_pages, pages
from fbsync.page import NoticedBy, PageId
from fbsync.webhook import Delivery


def keep(database: Database, connection: Connection, batch: Sequence[Delivery], now: float) -> None:
    """Keep each body once and raise its pages' marks: by one for each distinct body."""
    ordered = sorted(batch, key=lambda delivery: delivery.digest)
    insert = database.insert(deliveries)
    copied = {"copies": deliveries.c.copies + 1}
    # A dead letter of an older version may be read by this one.
    copied |= {name: insert.excluded[name] for name in ("page_ids", "fault")}
    keep_once = insert.on_conflict_do_update(index_elements=[deliveries.c.digest], set_=copied)
    connection.execute(keep_once, [delivery_row(delivery) for delivery in ordered])
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
    _link(database, connection, distinct, marks)
    return marks


def forget(connection: Connection, delivery_ids: Sequence[int]) -> None:
    """Delete these deliveries (at most some hundred); the marks that they raised stay.

    Their links go second: a copy that is being recorded links anew until the row is locked.
    """
    connection.execute(delete(deliveries).where(deliveries.c.id.in_(delivery_ids)))
    links = delivery_pages.c.delivery_id.in_(delivery_ids)
    connection.execute(delete(delivery_pages).where(links))


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
    connection.execute(_raising(database, is_event), rows)
    return {
        PageId(row.page_id): row.marks
        for chunk in chunks(counts)
        for row in connection.execute(
            select(pages.c.page_id, pages.c.marks).where(pages.c.page_id.in_(chunk))
        )
    }


def _raising(database: Database, is_event: bool) -> Any:
    """The statement; its parameters are the row of a page that is not there yet."""
    insert = database.insert(pages)
    new, old = insert.excluded, pages.c
    idle = old.marks == old.done
    values = {
        "marks": old.marks + new.marks,
        "waiting_since": case((idle, new.waiting_since), else_=old.waiting_since),
        # An event that waits already keeps its name when the poll comes second.
        "noticed_by": case((idle | is_event, new.noticed_by), else_=old.noticed_by),
        "event": func.coalesce(new.event, old.event),
        "last_event_at": func.coalesce(new.last_event_at, old.last_event_at),
    }
    return insert.on_conflict_do_update(index_elements=[old.page_id], set_=values)


def _link(
    database: Database,
    connection: Connection,
    distinct: Mapping[str, Delivery],
    marks: Mapping[PageId, int],
) -> None:
    """Note which mark of each of its pages a delivery waits for."""
    by_digest = select(deliveries.c.id, deliveries.c.digest).where(
        deliveries.c.digest.in_(list(distinct))
    )
    rows = [
        {"delivery_id": row.id, "page_id": page, "mark": marks[page]}
        for row in connection.execute(by_digest).all()
        for page in distinct[row.digest].page_ids
    ]
    if rows:
        insert = database.insert(delivery_pages)
        key = [delivery_pages.c.delivery_id, delivery_pages.c.page_id]
        linked = insert.on_conflict_do_update(
            index_elements=key, set_={"mark": insert.excluded.mark}
        )
        connection.execute(linked, rows)
