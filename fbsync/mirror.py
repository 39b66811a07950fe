"""The reading side: what a store holds of pages and of their history.

It needs the store alone: no database and nothing of Facebook. Nothing is kept in memory, so a
Mirror may be used from several threads at once, and each call sees what is stored now.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice

from fbsync.errors import NotMirrored, UnreadableDocument
from fbsync.field_list import ListChange
from fbsync.list_difference import list_difference
from fbsync.page import FieldChange, PageId, PageVersion, Tombstone, changes_between, page_id
from fbsync.ports import ObjectStore, history_key, page_key
from fbsync.version_document import StoredPage, parse_page, parse_version

WhenDamaged = Callable[[UnreadableDocument], object]
"""Told of a document that is not as fbsync wrote it; its `key` names it."""

_HISTORY = re.compile(r"[0-9]{1,32}/history/([0-9]{6,})\.json")


@dataclass(frozen=True)
class Differences:
    """What changed between two versions of a page, and those between which it was not readable.

    A Tombstone stands for the copy before it, as page_data.json does: nothing newer is known. What
    is in `list_change` is not in `changes`, as it was not asked for both times.
    """

    before: PageVersion | Tombstone
    after: PageVersion | Tombstone
    changes: tuple[FieldChange, ...]
    list_change: ListChange = ListChange()


class Mirror:
    """Pages and their history in a store. Every method raises StoreUnavailable on failure.

    A page is named by its id, a text of 1 to 32 digits; anything else raises ValueError.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

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
        for stored in self._store.list(""):
            page, _, name = stored.key.partition("/")
            if name == "page_data.json" and re.fullmatch(r"[0-9]{1,32}", page):
                yield PageId(page)

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
        body = self._store.get(key)
        return None if body is None else parse_page(key, page_id(page), body)

    def document(self, page: str, number: int | None = None) -> bytes | None:
        """The bytes of page_data.json, or of one version's document, as they are stored."""
        return self._store.get(document_key(page, number))

    def numbers(self, page: str) -> list[int]:
        """The numbers of the versions that the store holds, newest first; empty where it has none.

        The listing alone: no document is read.
        """
        keys = (stored.key for stored in self._store.list(f"{page_id(page)}/history/"))
        return sorted((int(m[1]) for key in keys if (m := _HISTORY.fullmatch(key))), reverse=True)

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
        body = self._store.get(key)
        return None if body is None else parse_version(key, body)

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
        was, now = self._copy(first, numbers), self._copy(last, numbers)
        listed = ListChange()
        if was and now:
            listed = list_difference(was, now, numbers, partial(self.version, page))
        changes = changes_between(_fields(was), _fields(now), listed.names)
        return Differences(first, last, changes, listed)

    def nothing_of(self, page: str) -> NotMirrored:
        """The error for a page of which nothing is stored."""
        return NotMirrored(
            f"{self.address} holds no copy of page {page}.\n"
            "Check the id (fbsync pages lists them) and that the settings name the right store."
        )

    def no_version(self, page: str, number: int) -> NotMirrored:
        """The error for a version that is not stored."""
        return NotMirrored(
            f"{self.address} holds no version {number} of page {page}.\n"
            f"To see which there are: fbsync history {page}"
        )

    def _there(self, page: str, number: int) -> PageVersion | Tombstone:
        version = self.version(page, number)
        if version is None:
            raise self.no_version(page, number)
        return version

    def _copy(self, version: PageVersion | Tombstone, numbers: list[int]) -> PageVersion | None:
        """The page as it was known at this version; None where nothing ever was."""
        older = (number for number in numbers if number < version.number)
        while isinstance(version, Tombstone):
            number = next(older, None)
            if number is None:
                return None
            version = self._there(version.page_id, number)
        return version


def _fields(version: PageVersion | None) -> Mapping[str, object]:
    return version.snapshot.fields if version else {}


def _warn(error: UnreadableDocument) -> None:
    import logging  # who reads what is whole need not wait for it

    logging.getLogger("fbsync").warning("%s", error)


def document_key(page: str, number: int | None = None) -> str:
    """The key of page_data.json, or of one version's document, under the store's prefix."""
    return page_key(page_id(page)) if number is None else history_key(page_id(page), number)
