"""How far a delivery has come. It is never stored: it follows from its pages' counters."""

from typing import Literal, get_args

from sqlalchemy import and_, case, exists, not_
from sqlalchemy.sql.elements import ColumnElement

from fbsync.database.schema import deliveries, delivery_pages, pages

DeliveryState = Literal["waiting", "handled", "failed", "dead"]
"""A page of it is still to be read; none is; one of those is parked; no page could be read from it.

`failed` counts before `waiting`, and `dead` before all.
"""

DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)

_open = (
    exists()
    .where(
        delivery_pages.c.delivery_id == deliveries.c.id,
        pages.c.page_id == delivery_pages.c.page_id,
        pages.c.done < delivery_pages.c.mark,
    )
    .correlate(deliveries)
)
_parked = _open.where(pages.c.parked_at.is_not(None))
_dead = deliveries.c.fault.is_not(None)

state: ColumnElement[str] = case(
    (_dead, "dead"), (_parked, "failed"), (_open, "waiting"), else_="handled"
)
"""The state as a column beside those of `deliveries`."""

CONDITIONS: dict[DeliveryState, ColumnElement[bool]] = {
    "dead": _dead,
    "failed": and_(not_(_dead), _parked),
    "waiting": and_(not_(_dead), _open, not_(_parked)),
    "handled": and_(not_(_dead), not_(_open)),
}
"""Whether a delivery is in a state, as a condition on `deliveries`."""
