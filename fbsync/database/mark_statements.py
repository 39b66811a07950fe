"""The statements behind marks.py, each built once: building one takes longer than running it.

`insert` is `Database.insert`, the function of the dialect.
"""

from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, func, select

from fbsync.database.schema import deliveries, delivery_pages, pages


@cache
def keeping(insert: Any) -> Any:
    """Keep a delivery, or count one more copy of it. Its parameters are a row of `deliveries`."""
    made = insert(deliveries)
    copied = {"copies": deliveries.c.copies + 1}
    # A dead letter of an older version may be read by this one.
    copied |= {name: made.excluded[name] for name in ("page_ids", "fault")}
    return made.on_conflict_do_update(index_elements=[deliveries.c.digest], set_=copied)


@cache
def raising(insert: Any, is_event: bool) -> Any:
    """Raise a page's marks. Its parameters are the row of a page that is not there yet."""
    made = insert(pages)
    new, old = made.excluded, pages.c
    idle = old.marks == old.done
    values = {
        "marks": old.marks + new.marks,
        "waiting_since": case((idle, new.waiting_since), else_=old.waiting_since),
        # An event that waits already keeps its name when the poll comes second.
        "noticed_by": case((idle | is_event, new.noticed_by), else_=old.noticed_by),
        "event": func.coalesce(new.event, old.event),
        "last_event_at": func.coalesce(new.last_event_at, old.last_event_at),
    }
    return made.on_conflict_do_update(index_elements=[old.page_id], set_=values)


@cache
def linking(insert: Any) -> Any:
    """Note which mark of a page a delivery waits for: `of_digest`, `page_id` and `mark`.

    Nothing for a delivery that is not kept (any more).
    """
    row = select(
        deliveries.c.id,
        bindparam("page_id", type_=delivery_pages.c.page_id.type),
        bindparam("mark", type_=delivery_pages.c.mark.type),
    ).where(deliveries.c.digest == bindparam("of_digest"))
    made = insert(delivery_pages).from_select(["delivery_id", "page_id", "mark"], row)
    key = [delivery_pages.c.delivery_id, delivery_pages.c.page_id]
    return made.on_conflict_do_update(index_elements=key, set_={"mark": made.excluded.mark})


@cache
def marks_of_pages() -> Any:
    """The marks of the pages whose ids are `page_ids`."""
    some = pages.c.page_id.in_(bindparam("page_ids", expanding=True))
    return select(pages.c.page_id, pages.c.marks).where(some)
