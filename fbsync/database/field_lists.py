"""Which list of fields a page was last asked for, beside what is stored of it.

A page's row has the key of the list alone.
"""

from collections.abc import Collection

from sqlalchemy import select, update

from fbsync.database.engine import Database
from fbsync.database.inbox_rows import chunks
from fbsync.database.marks import lock_pages
from fbsync.database.schema import field_lists, pages
from fbsync.field_list import FieldList
from fbsync.page import PageId

ASKED_FIELDS = (
    select(field_lists.c.fields)
    .where(field_lists.c.key == pages.c.asked)
    .correlate(pages)
    .scalar_subquery()
    .label("asked_fields")
)
"""The list's text, as a column of a query over `pages`; see inbox_rows."""


class FieldLists:
    """Each list has one row, which stays. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: set[FieldList] = set()

    def keep(self, asked: FieldList | None) -> None:
        """Before a page's row may have its key. Costs nothing from the second time on."""
        if asked is None or asked in self._kept:
            return
        row = self._database.insert(field_lists).values(key=asked.key, fields=str(asked))
        with self._database.write() as connection:
            connection.execute(row.on_conflict_do_nothing())
        self._kept.add(asked)

    def note(self, page_ids: Collection[PageId], asked: FieldList) -> None:
        """See ports.Inbox.note_asked."""
        self.keep(asked)
        with self._database.write() as connection:
            for chunk in chunks(page_ids):
                some = pages.c.page_id.in_(chunk)
                lock_pages(connection, some)
                connection.execute(update(pages).where(some).values(asked=asked.key))
