"""Pages that were stored in another place, with what is known of them to bring it over."""

import json
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, func, select, update

from fbsync.database.engine import Database
from fbsync.database.marks import lock_pages
from fbsync.database.schema import moving_versions, pages, stored_versions
from fbsync.database.store_address import is_store
from fbsync.page import PageId, canonical_json

_page, _number = moving_versions.c.page_id, moving_versions.c.number
_COLUMNS = ["page_id", "number", "etag", "document"]


@dataclass(frozen=True)
class MovingPage:
    """`page_data` are the bytes of its page_data.json; None for a page that a worker is to read.
    `is_parked`: none will before somebody opens it again.

    `versions` are the numbers of those whose bytes are known, in their order.
    """

    page_id: PageId
    page_data: bytes | None
    versions: Sequence[int]
    is_parked: bool = False


class MovingPages:
    """Those that the store does not have yet as far as the database knows.

    Methods raise DatabaseUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, only: Collection[PageId] | None = None) -> int:
        """How many there are, or how many of these."""
        query = select(func.count()).select_from(pages).where(pages.c.moves.is_not(None))
        if only is not None:
            query = query.where(pages.c.page_id.in_(only))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def after(self, page: str, limit: int) -> list[PageId]:
        """The next ones in the order of their ids."""
        query = (
            select(pages.c.page_id)
            .where(pages.c.moves.is_not(None), pages.c.page_id > page)
            .order_by(pages.c.page_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [PageId(found) for found in connection.execute(query).scalars()]

    def read(self, page_ids: Collection[PageId]) -> list[MovingPage]:
        """What is known of these pages, a thousand at most; others are left out."""
        is_read = (pages.c.marks > pages.c.done) & pages.c.parked_at.is_(None)
        is_read |= pages.c.lease.is_not(None)
        parked_at = pages.c.parked_at
        query = select(pages.c.page_id, pages.c.stored_fields, parked_at, is_read.label("is_read"))
        query = query.where(pages.c.page_id.in_(page_ids), pages.c.moves.is_not(None))
        known = select(_page, _number).where(_page.in_(page_ids)).order_by(_page, _number)
        versions: dict[str, list[int]] = {}
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(pages.c.page_id)).all()
            for row in connection.execute(known):
                versions.setdefault(row.page_id, []).append(row.number)
        return [
            MovingPage(
                PageId(row.page_id),
                None if row.is_read else canonical_json(json.loads(row.stored_fields)),
                versions.get(row.page_id, []),
                row.parked_at is not None,
            )
            for row in rows
        ]

    def document(self, page: PageId, number: int) -> bytes | None:
        """The bytes of a version's history object; None where another run brought it over."""
        query = select(moving_versions.c.document).where(_page == page, _number == number)
        with self._database.read() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else zlib.decompress(found)

    def arrived(
        self,
        address: str,
        page_ids: Collection[PageId],
        left_out: Collection[tuple[PageId, int]] = (),
    ) -> bool:
        """These pages were brought over to this address, but for the versions `left_out`.

        False where the store was moved on meanwhile: then nothing of it counts.
        """
        some = sorted(page_ids)
        is_known = exists().where(
            stored_versions.c.page_id == _page, stored_versions.c.number == _number
        )
        arriving = select(moving_versions).where(_page.in_(some), ~is_known)
        with self._database.write() as connection:
            if not is_store(connection, address):
                return False
            # In their order, and after whoever notes a version of theirs just now.
            lock_pages(connection, pages.c.page_id.in_(some))
            for page, number in left_out:
                left = (_page == page) & (_number == number)
                connection.execute(delete(moving_versions).where(left))
            connection.execute(stored_versions.insert().from_select(_COLUMNS, arriving))
            connection.execute(delete(moving_versions).where(_page.in_(some)))
            done = update(pages).where(pages.c.page_id.in_(some))
            connection.execute(done.values(moves=None))
        return True
