"""Every object that the database believes to be in the store, in the order of the keys."""

import heapq
import itertools
import json
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import func, select

from fbsync.database.engine import Database
from fbsync.database.schema import pages
from fbsync.database.stored_versions import StoredVersion, StoredVersions
from fbsync.drift import Expected
from fbsync.page import PageId, canonical_json
from fbsync.ports import etag_of, history_key, page_key

_AT_ONCE = 1000  # rows of a read: however many there are, no more are in memory
_is_mirrored = pages.c.stored_number > 0


class _Mirrored(NamedTuple):
    page_id: PageId
    number: int  # of its newest version
    elsewhere: int  # versions up to this number are believed only if they are known
    fields: str  # a JSON object


class BelievedObjects:
    """Of all pages, or of one. Read in parts, so not as of one moment.

    Methods raise DatabaseUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._versions = StoredVersions(database)

    def count(self, page: PageId | None = None) -> int:
        """About how many there are."""
        query = select(func.count(), func.coalesce(func.sum(pages.c.stored_number), 0))
        query = query.where(_is_mirrored)
        if page is not None:
            query = query.where(pages.c.page_id == page)
        with self._database.read() as connection:
            mirrored, versions = connection.execute(query).one()
        return int(mirrored) + int(versions)

    def entries(self, page: PageId | None = None) -> Iterator[Expected]:
        """Each page's versions, then the page as it is now."""
        streams: tuple[Iterator[_Mirrored | StoredVersion], ...] = (
            self._mirrored(page),
            self._versions.entries(page),
        )
        both = heapq.merge(*streams, key=_page)
        for _, of_page in itertools.groupby(both, key=_page):
            yield from _of_page(of_page)

    def _mirrored(self, page: PageId | None) -> Iterator[_Mirrored]:
        after = ""
        while True:
            query = (
                select(
                    pages.c.page_id,
                    pages.c.stored_number,
                    pages.c.elsewhere,
                    pages.c.stored_fields,
                )
                .where(_is_mirrored, pages.c.page_id > after)
                .order_by(pages.c.page_id)
                .limit(_AT_ONCE)
            )
            if page is not None:
                query = query.where(pages.c.page_id == page)
            with self._database.read() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                number, elsewhere = row.stored_number, row.elsewhere or 0
                yield _Mirrored(PageId(row.page_id), number, elsewhere, row.stored_fields)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].page_id


def _page(entry: _Mirrored | StoredVersion) -> str:
    return entry.page_id


def _of_page(entries: Iterator[_Mirrored | StoredVersion]) -> Iterator[Expected]:
    """The page itself comes first, and not at all where its first version is from just now."""
    page: _Mirrored | None = None
    number = 0
    for entry in entries:
        if isinstance(entry, _Mirrored):
            page, number = entry, entry.elsewhere
            continue
        yield from _by_number(entry.page_id, number + 1, entry.number)
        yield Expected(entry.page_id, history_key(entry.page_id, entry.number), entry.etag)
        number = max(number, entry.number)
    if page is not None:
        yield from _by_number(page.page_id, number + 1, page.number + 1)
        etag = etag_of(canonical_json(json.loads(page.fields)))
        yield Expected(page.page_id, page_key(page.page_id), etag)


def _by_number(page: PageId, first: int, end: int) -> Iterator[Expected]:
    """Versions from before their content was kept in the database."""
    for number in range(first, end):
        yield Expected(page, history_key(page, number), None)
