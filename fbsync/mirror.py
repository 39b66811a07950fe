"""The reading side: what a store holds of pages and of their history.

It needs the store alone: no database and nothing of Facebook. No content is kept in memory, so a
Mirror may be used from several threads at once, and each call sees what is stored now.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby, islice
from operator import itemgetter

from fbsync.differences import Differences, differences
from fbsync.errors import NothingMirrored, NotMirrored, UnreadableDocument
from fbsync.page import PageId, PageVersion, Tombstone, page_id
from fbsync.ports import ObjectStore, history_key, page_key
from fbsync.version_document import StoredPage, parse_page, parse_version

WhenDamaged = Callable[[UnreadableDocument], object]
"""Told of a document that is not as fbsync wrote it; its `key` names it."""

NO_PAGE = (
    "Either nothing was mirrored there yet (fbsync sync does), or fbsync writes to another place:"
    " fbsync status tells which, where it runs."
)
_OBJECT = re.compile(r"([0-9]{1,32})/(?:page_data|history/([0-9]{6,}))\.json")


class Mirror:
    """Pages and their history in a store. Every method raises StoreUnavailable on failure.

    A page is named by its id, a text of 1 to 32 digits; anything else raises ValueError. Where the
    store holds no page at all, whatever is asked of it raises NothingMirrored: before the first
    page is mirrored, or as it is the wrong place. Until a page was seen, an answer of "nothing"
    takes a listing more for this.
    """

    def __init__(self, store: ObjectStore, advice: Callable[[], str] = lambda: NO_PAGE) -> None:
        """`advice` says what to do where the store holds no page at all."""
        self._store = store
        self._advice = advice
        self._has_pages = False  # as far as it was seen

    def __repr__(self) -> str:
        return f"Mirror({self.address!r})"

    @property
    def address(self) -> str:
        """Where the objects are, for people: a folder's path or `s3://bucket/prefix`."""
        return self._store.address

    def page_ids(self) -> Iterator[PageId]:
        """The ids of all pages that have a copy, in the order of their keys; 1,000 keys a request.

        The store lists every version too, so this takes a request for each 1,000 of them.
        """
        for page, number in self._objects():
            if number is None:
                yield page

    def newest_numbers(self) -> Iterator[tuple[PageId, int]]:
        """Every page with its newest version's number, 0 where only page_data.json is there.

        The listing alone, which need not be taken to its end.
        """
        for page, objects in groupby(self._objects(), key=itemgetter(0)):
            yield page, max(number or 0 for _, number in objects)

    def pages(self, damaged: WhenDamaged | None = None) -> Iterator[StoredPage]:
        """All pages as they are now, one request each besides the listing; none is kept in memory.

        A page whose page_data.json is not what fbsync wrote is left out, so that the others can be
        used: `damaged` is given the error that `page` raises for it, by default a warning of
        Python's logger "fbsync". `fbsync sync --verify` mends it.
        """
        for page in self.page_ids():
            try:
                stored = self.page(page)
            except UnreadableDocument as error:
                (damaged or _warn)(error)
                continue
            if stored is not None:  # else it was removed since it was listed
                yield stored

    def page(self, page: str) -> StoredPage | None:
        """The page as it is now, or None where the store holds no copy of it.

        Raises UnreadableDocument where what is stored is not what fbsync wrote.
        """
        key = page_key(page_id(page))
        body = self._get(key)
        return None if body is None else parse_page(key, page_id(page), body)

    def document(self, page: str, number: int | None = None) -> bytes | None:
        """The bytes of page_data.json, or of one version's document, as they are stored."""
        return self._get(document_key(page, number))

    def numbers(self, page: str) -> list[int]:
        """The numbers of the versions that the store holds, newest first; empty where it has none.

        The listing alone: no document is read.
        """
        keys = (stored.key for stored in self._store.list(f"{page_id(page)}/history/"))
        found = sorted((int(m[2]) for key in keys if (m := _OBJECT.fullmatch(key))), reverse=True)
        self._note(is_there=bool(found))
        return found

    def history(
        self, page: str, limit: int | None = None, damaged: WhenDamaged | None = None
    ) -> Iterator[PageVersion | Tombstone]:
        """The versions, newest first, at most `limit`; one request each, made as they are taken.

        One that is not what fbsync wrote counts for the limit and is left out; `damaged` is told,
        as by `pages`.
        """
        for number in islice(self.numbers(page), limit):
            try:
                version = self.version(page, number)
            except UnreadableDocument as error:
                (damaged or _warn)(error)
                continue
            if version is not None:
                yield version

    def version(self, page: str, number: int) -> PageVersion | Tombstone | None:
        """One version, or None where the store holds none of this number.

        A Tombstone says that the page was gone, or the access to it lost. Raises
        UnreadableDocument where what is stored is not what fbsync wrote.
        """
        key = document_key(page, number)
        body = self._get(key)
        return None if body is None else parse_version(key, body)

    def inaccessible(self, page: str) -> Tombstone | None:
        """Since when and why the page is gone, or the access to it lost; None where it is not.

        `page` and `pages` give its last copy all the same. It is what the last read of the page
        told: a page that nobody reads any more, as after `fbsync logout`, is none of these. Takes
        a listing of the page's history and one request more. Raises UnreadableDocument where the
        newest version is not what fbsync wrote.
        """
        newest = next(iter(self.numbers(page)), None)
        version = None if newest is None else self.version(page, newest)
        return version if isinstance(version, Tombstone) else None

    def differences(
        self, page: str, before: int | None = None, after: int | None = None
    ) -> Differences:
        """What changed from one version to another; volatile values do not count.

        Without `after` the newest is meant, without `before` the one just older than it. Raises
        NotMirrored where one of them is not stored, UnreadableDocument as `version` does.
        """
        numbers = self.numbers(page)
        if not numbers:
            raise self.nothing_of(page)
        new = numbers[0] if after is None else after
        if new not in numbers:
            raise self.no_version(page, new)
        older = [number for number in numbers if number < new]
        if before is None and not older:
            raise NotMirrored(
                f"Version {new} of page {page} is its first, so there is nothing to compare.\n"
                f"To see it: fbsync show {page} --version {new}"
            )
        old = older[0] if before is None else before
        first, last = self._there(page, old), self._there(page, new)
        return differences(first, last, numbers, partial(self.version, page))

    def nothing_of(self, page: str) -> NotMirrored:
        """The error for a page of which nothing is stored."""
        return NotMirrored(
            f"{self.address} holds no copy of page {page}.\n"
            "Check the id: fbsync history lists all that are stored there."
        )

    def no_version(self, page: str, number: int) -> NotMirrored:
        """The error for a version that is not stored."""
        return NotMirrored(
            f"{self.address} holds no version {number} of page {page}.\n"
            f"To see which there are: fbsync history {page}"
        )

    def _get(self, key: str) -> bytes | None:
        body = self._store.get(key)
        self._note(is_there=body is not None)
        return body

    def _note(self, *, is_there: bool) -> None:
        """Once a page was seen, "nothing" is an answer. Raises NothingMirrored."""
        if is_there:
            self._has_pages = True
        elif not self._has_pages:
            next(self._objects())

    def _objects(self) -> Iterator[tuple[PageId, int | None]]:
        """Every copy and version of every page, in the order of their keys.

        As the page and the version's number, None for the page as it is now. Raises
        NothingMirrored where there is none.
        """
        has_pages = False
        for stored in self._store.list(""):
            if match := _OBJECT.fullmatch(stored.key):
                self._has_pages = has_pages = True
                yield PageId(match[1]), int(match[2]) if match[2] else None
        if not has_pages:
            raise NothingMirrored(f"{self.address} holds no page.\n{self._advice()}")

    def _there(self, page: str, number: int) -> PageVersion | Tombstone:
        version = self.version(page, number)
        if version is None:
            raise self.no_version(page, number)
        return version


def _warn(error: UnreadableDocument) -> None:
    import logging  # who reads what is whole need not wait for it

    logging.getLogger("fbsync").warning("%s", error)


def document_key(page: str, number: int | None = None) -> str:
    """The key of page_data.json, or of one version's document, under the store's prefix."""
    return page_key(page_id(page)) if number is None else history_key(page_id(page), number)
