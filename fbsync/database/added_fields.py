"""Which webhook fields fbsync itself switched on, and where: only those may it take off again."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, delete, select

from fbsync.database.engine import Database
from fbsync.database.schema import added_fields
from fbsync.page import PageId

APP = ""
"""Stands for the app's level where a page's id would stand."""


class AddedFields:
    """A row for each field that was switched on. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_app(self) -> frozenset[str]:
        """Those of the app's subscription."""
        query = select(added_fields.c.field).where(added_fields.c.page_id == APP)
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def of_pages(self) -> dict[PageId, frozenset[str]]:
        """Those of all pages; a page without any is left out."""
        found: dict[PageId, set[str]] = {}
        query = select(added_fields).where(added_fields.c.page_id != APP)
        with self._database.read() as connection:
            for row in connection.execute(query):
                found.setdefault(PageId(row.page_id), set()).add(row.field)
        return {page: frozenset(fields) for page, fields in found.items()}

    def note(self, added: Mapping[str, Collection[str]]) -> None:
        """Keep what was switched on, by page id or APP."""
        insert = self._database.insert(added_fields).on_conflict_do_nothing()
        if rows := _rows(added):
            with self._database.write() as connection:
                connection.execute(insert, rows)

    def forget(self, removed: Mapping[str, Collection[str]]) -> None:
        """Forget what is off, by page id or APP."""
        both = (added_fields.c.page_id == bindparam("page_id_")) & (
            added_fields.c.field == bindparam("field_")
        )
        if rows := _rows(removed):
            keys = [{"page_id_": row["page_id"], "field_": row["field"]} for row in rows]
            with self._database.write() as connection:
                connection.execute(delete(added_fields).where(both), keys)


def _rows(fields: Mapping[str, Collection[str]]) -> list[dict[str, str]]:
    return [{"page_id": page, "field": name} for page in sorted(fields) for name in fields[page]]
