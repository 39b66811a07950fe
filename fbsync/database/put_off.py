"""Pages that were put off: why nothing goes on, and how it goes on at once."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, update

from fbsync.database.engine import Database
from fbsync.database.inbox_rows import chunks
from fbsync.database.marks import lock_pages
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


def hurry(database: Database, page_ids: Collection[PageId] | None) -> None:
    """Let those of these pages (None: of all) be claimed at once, and wait from anew if they fail.

    Parked pages stay so. Raises DatabaseUnavailable.
    """
    waits = (pages.c.marks > pages.c.done) & pages.c.parked_at.is_(None)
    waits &= pages.c.lease.is_(None) & (pages.c.due_at > 0)
    some = [waits]
    if page_ids is None:
        # Mostly there is none. To lock them in their order would be to look at all pages.
        with database.read() as connection:
            if connection.execute(select(1).where(waits).limit(1)).first() is None:
                return
    else:
        some = [waits & pages.c.page_id.in_(chunk) for chunk in chunks(page_ids)]
    with database.write() as connection:
        for which in some:
            if lock_pages(connection, which):
                connection.execute(update(pages).where(which).values(due_at=0.0, attempts=0))
