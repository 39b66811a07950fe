"""Every version that is known to be in the store: its ETag, and its bytes to mend it from."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, select, tuple_

from fbsync.database.engine import Database
from fbsync.database.schema import stored_versions
from fbsync.page import PageId

_AT_ONCE = 1000  # rows of a read: however many there are, no more are in memory
_number, _page = stored_versions.c.number, stored_versions.c.page_id
_KEEP = """
insert into stored_versions (page_id, number, etag, document) values ({places})
on conflict (page_id, number) do update set etag = excluded.etag, document = excluded.document
"""


class StoredVersion(NamedTuple):
    """One version's history object; `etag` is what the store says of its bytes (ports.py)."""

    page_id: PageId
    number: int
    etag: str


def keep_version(
    connection: Connection, page: PageId, number: int, etag: str, document: bytes
) -> None:
    """Note in the caller's transaction that these bytes are in the store."""
    place = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    text = _KEEP.format(places=", ".join([place] * 4))
    connection.exec_driver_sql(text, (page, number, etag, zlib.compress(document)))


class StoredVersions:
    """The reading side. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(self, page: PageId | None = None) -> Iterator[StoredVersion]:
        """All, or one page's, in the order of their keys; memory does not grow with them."""
        after: tuple[str, int] = ("", 0)
        while True:
            query = (
                select(_page, _number, stored_versions.c.etag)
                .where(tuple_(_page, _number) > after)
                .order_by(_page, _number)
                .limit(_AT_ONCE)
            )
            if page is not None:
                query = query.where(_page == page)
            with self._database.read() as connection:
                rows = connection.execute(query).all()
            for found, number, etag in rows:
                yield StoredVersion(PageId(found), number, etag)
            if len(rows) < _AT_ONCE:
                return
            after = (rows[-1].page_id, rows[-1].number)

    def etag(self, page: PageId, number: int) -> str | None:
        """What the store should say of this version; None where it is not known."""
        query = select(stored_versions.c.etag).where(_page == page, _number == number)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    def document(self, page: PageId, number: int) -> bytes | None:
        """The bytes of its history object; None where it is not known."""
        query = select(stored_versions.c.document).where(_page == page, _number == number)
        with self._database.read() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else zlib.decompress(found)
