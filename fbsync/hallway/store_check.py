"""What the store really holds of a page, beside what the database believes.

Looked at where that is in doubt, as after a worker's death, and before a process writes a page for
the first time: somebody may have deleted or altered the objects since.
"""

from collections.abc import Callable
from dataclasses import replace

from fbsync.errors import StoreUnavailable, UnreadableDocument
from fbsync.page import PageId, PageVersion, Tombstone, canonical_json, digest_of
from fbsync.ports import (
    INACCESSIBLE,
    LastStored,
    ObjectStore,
    etag_of,
    history_key,
    page_key,
)
from fbsync.version_document import parse_version

Guard = Callable[[], None]
"""Raises LeaseLost where the page may not be written any more."""

Seen = tuple[LastStored, tuple[str, ...]]
"""The newest version that is there, and what was not as the database says, in words."""


class StoreCheck:
    """`document` gives the bytes of a version that is known to be stored, see ports.Inbox.

    Methods raise StoreUnavailable and DatabaseUnavailable, and what a Guard raises.
    """

    def __init__(self, store: ObjectStore, document: Callable[[PageId, int], bytes | None]) -> None:
        self._store = store
        self._document = document
        self._looked: set[PageId] = set()  # at their first write

    def look(self, page: PageId, last: LastStored, guard: Guard) -> Seen:
        """Compare, mend what is not as the database says, and find what it does not know yet."""
        if last.digest is None:
            return self._settle_doubt(page, last, guard)
        if page in self._looked:
            return last, ()
        seen = self._compare(page, last, guard)
        self._looked.add(page)
        return seen

    def newer(self, page: PageId, last: LastStored | None) -> LastStored:
        """The newest version after `last`: one is there, as it could not be created."""
        found = self._follow(page, last)
        if found is None or found is last:
            raise StoreUnavailable(
                f"{self._place(history_key(page, last.number + 1 if last else 1))} could not be"
                " created, and yet it is not there.\nCheck who else writes there."
            )
        return found

    def put_page(self, page: PageId, last: LastStored, guard: Guard) -> LastStored:
        """Write page_data.json as the newest version has it, unless it is so already."""
        return self._mend_page(page, last, guard)[0]

    def _compare(self, page: PageId, last: LastStored, guard: Guard) -> Seen:
        """Two HEADs at most. Only here a version is put, with the very bytes that it had."""
        key, document = history_key(page, last.number), self._document(page, last.number)
        drift: list[str | None] = []
        if document is not None:
            drift.append(self._mend(key, document, guard))
        elif (body := self._store.get(key)) is None:
            drift.append(f"{key} was missing, and its content is not known here")
        elif _read(page, last.number, body) is not None:
            last = replace(last, documents={last.number: body})
        last, page_drift = self._mend_page(page, last, guard)
        drift.append(page_drift)
        return last, tuple(filter(None, drift))

    def _mend_page(
        self, page: PageId, last: LastStored, guard: Guard
    ) -> tuple[LastStored, str | None]:
        drift, is_unanswered = self._mended(page_key(page), canonical_json(last.fields), guard)
        return replace(last, is_unanswered=last.is_unanswered or is_unanswered), drift

    def _mend(self, key: str, body: bytes, guard: Guard) -> str | None:
        """What was wrong with a version; a late try of it could only write the very same bytes."""
        return self._mended(key, body, guard)[0]

    def _mended(self, key: str, body: bytes, guard: Guard) -> tuple[str | None, bool]:
        """What was wrong with the object, None where it holds these bytes; and as `put` says."""
        seen = self._store.head(key)
        if seen is not None and seen.etag == etag_of(body):
            return None, False
        guard()
        is_unanswered = self._store.put(key, body)
        return f"{key} was missing" if seen is None else f"{key} was altered", is_unanswered

    def _settle_doubt(self, page: PageId, last: LastStored, guard: Guard) -> Seen:
        """What was created after `last`, or is `last` where the database has not its bytes.

        page_data.json may be anything. Bytes that the database has were created, or adopted, and
        never change: in doubt is only what came after them.
        """
        key, body = history_key(page, last.number), self._document(page, last.number)
        drift = None
        if body is not None:
            drift = self._mend(key, body, guard)
        else:
            body = self._store.get(key)
        if body is not None:
            version = _read(page, last.number, body) or self._refuse(key)
            last = _adopted(last, last.number, body, version)
        return self._follow(page, last) or last, (drift,) if drift else ()

    def _follow(self, page: PageId, last: LastStored | None) -> LastStored | None:
        """Go on to the end of the history, as the store has it."""
        number = last.number + 1 if last else 1
        while (body := self._store.get(history_key(page, number))) is not None:
            version = _read(page, number, body) or self._refuse(history_key(page, number))
            last = _adopted(last, number, body, version)
            number += 1
        return last

    def _refuse(self, key: str) -> PageVersion:
        raise StoreUnavailable(
            f"{self._place(key)} is no version that fbsync wrote.\n"
            "Move that object away, and fbsync goes on there by itself."
        )

    def _place(self, key: str) -> str:
        return f"{self._store.address}/{key}"


def _read(page: PageId, number: int, body: bytes) -> PageVersion | Tombstone | None:
    """None for bytes that are not this version of this page."""
    try:
        version = parse_version(history_key(page, number), body)
    except UnreadableDocument:
        return None
    return version if (version.page_id, version.number) == (page, number) else None


def _adopted(
    last: LastStored | None, number: int, body: bytes, version: PageVersion | Tombstone
) -> LastStored:
    """A tombstone has no fields: the page stays as it was before."""
    documents = {**(last.documents if last else {}), number: body}
    is_unanswered = last is not None and last.is_unanswered
    if isinstance(version, Tombstone):
        fields, asked = (last.fields, last.asked) if last else ({}, None)
        return LastStored(number, INACCESSIBLE, fields, documents, is_unanswered, asked)
    fields, asked = version.snapshot.fields, version.snapshot.asked
    return LastStored(number, digest_of(fields), fields, documents, is_unanswered, asked)
