"""The pages that are set aside, each with its reason."""

from dataclasses import dataclass

from sqlalchemy import or_, select

from fbsync.database.engine import Database
from fbsync.database.schema import page_accesses, pages
from fbsync.page import PageId


@dataclass(frozen=True)
class ParkedPage:
    """One page. `events` counts what waits for it: each delivery that names it.

    One that is not `managed` has no token and no copy: an event named it, and nobody here opened
    it to us.
    """

    page_id: PageId
    reason: str
    events: int
    managed: bool


_token = select(page_accesses.c.page_id).where(page_accesses.c.page_id == pages.c.page_id)
managed = or_(pages.c.stored_number > 0, _token.exists())
"""Whether somebody opened the page to us, as a condition on `pages`."""


def parked_pages(database: Database) -> list[ParkedPage]:
    """All of them. Raises DatabaseUnavailable."""
    query = (
        select(
            pages.c.page_id,
            pages.c.reason,
            pages.c.marks - pages.c.done,
            managed,
        )
        .where(pages.c.parked_at.is_not(None))
        .order_by(pages.c.page_id)
    )
    with database.read() as connection:
        return [
            ParkedPage(PageId(page), reason or "", events, bool(is_managed))
            for page, reason, events, is_managed in connection.execute(query)
        ]
