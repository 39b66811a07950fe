"""The page that was put off last, among those that wait: why nothing goes on."""

from dataclasses import dataclass

from sqlalchemy import select

from fbsync.database.engine import Database
from fbsync.database.schema import pages
from fbsync.page import PageId


@dataclass(frozen=True)
class PutOff:
    """A waiting page, and why its last try failed."""

    page_id: PageId
    reason: str


def last_put_off(database: Database) -> PutOff | None:
    """The one whose next try is the latest; None where none waits for one.

    Raises DatabaseUnavailable.
    """
    query = (
        select(pages.c.page_id, pages.c.reason)
        .where(pages.c.marks > pages.c.done, pages.c.parked_at.is_(None))
        .where(pages.c.reason.is_not(None))
        .order_by(pages.c.due_at.desc(), pages.c.page_id.desc())
        .limit(1)
    )
    with database.read() as connection:
        row = connection.execute(query).one_or_none()
    return row and PutOff(PageId(row.page_id), row.reason)
