"""What the hallway needs from outside: an inbox and an object store.

Reading pages is no port but a plain callable, `ReadPages`, so that tokens never enter the hallway.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fbsync.errors import PermanentFailure, TemporaryFailure
from fbsync.field_list import FieldList
from fbsync.page import NoticedBy, PageId, PageSnapshot
from fbsync.webhook import Delivery

LEASE_SECONDS = 12.0
"""How long a claimed page is one worker's own unless the lease is renewed.

A dead worker's pages are free again after this time, so it stays below 15 seconds. A living
worker renews a few times within it, which lets slow reads and uploads take as long as they must.
"""

LONGEST_PUT_SECONDS = 150.0
"""How long an ObjectStore's `put` may be under way, all its tries together.

So long after its lease was taken over, a dead worker's last write may still arrive; and a living
worker's, so long after it was given up.
"""

INACCESSIBLE = "inaccessible"
"""Stands for the digest where the newest version is a tombstone: no page that is read has it."""


@dataclass(frozen=True)
class LastStored:
    """The newest stored version of a page; `fields` are those of the newest that has any.

    `digest` is None where the store can no longer be trusted to hold these fields and nothing
    newer, as after a lost lease: the next pass then looks. `documents` are the bytes of versions
    that the database does not know yet, by number. `is_unanswered`: a try of a put of the page went
    unanswered before another one succeeded, so what it sent may yet replace what is written next.
    `asked` is the list of fields with which the page was last seen to be so; None: it is not known.
    """

    number: int
    digest: str | None
    fields: Mapping[str, object]
    documents: Mapping[int, bytes] = field(default_factory=dict, repr=False, compare=False)
    is_unanswered: bool = field(default=False, compare=False)
    asked: FieldList | None = None


@dataclass(frozen=True)
class Claim:
    """One page leased to one worker. `marks` is the counter as it stood at claim time."""

    page_id: PageId
    marks: int
    lease: str
    attempts: int
    noticed_by: NoticedBy
    last: LastStored | None
    event: str | None = None  # the id of the newest delivery that named the page


@dataclass(frozen=True)
class PageState:
    """How far one page has come; `marks > done` means that a read is due."""

    page_id: PageId
    marks: int
    done: int
    leased_until: datetime | None
    due_at: datetime | None
    reason: str | None
    parked: bool
    last: LastStored | None
    stored_at: datetime | None = None  # when `last` was
    last_event_at: datetime | None = None


@dataclass(frozen=True)
class InboxStatus:
    """Counts over the whole inbox.

    `waiting` pages are marked and not parked; `leased` of them are in a worker's hands. `events`
    counts what waits for them: each delivery once for each page that it names. Of the `parked`
    pages, `parked_managed` have a token or a copy: somebody opened them to us.
    """

    deliveries: int
    pages: int
    waiting: int
    leased: int
    parked: int
    versions: int
    events: int
    waiting_since: datetime | None  # of the oldest mark that waits
    parked_managed: int = 0


class Inbox(Protocol):
    """Deliveries and page marks, durable. Every method raises DatabaseUnavailable on failure."""

    def record(self, batch: Sequence[Delivery]) -> None:
        """Keep each body once and raise its pages' marks; committed and fsynced on return."""
        ...

    def mark(self, page_ids: Collection[PageId], noticed_by: NoticedBy) -> dict[PageId, int]:
        """Ask for a read of these pages. The pages' counters after it, by page."""
        ...

    def claim(
        self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
    ) -> list[Claim]:
        """Lease up to `limit` pages that are marked, due, not parked and not leased.

        `only` restricts the choice to some pages. `store` is the identity of the store that the
        caller writes to: where another program moved the pages elsewhere, none is leased, and it
        raises StoreMoved if there would be one. A page that is taken over from a dead worker is
        marked once more after LONGEST_PUT_SECONDS, and its digest is no longer trusted then.
        """
        ...

    def hold(self, page_ids: Collection[PageId], store: str | None = None) -> list[Claim]:
        """Lease those of these pages that nobody has in hand: due a read or not, parked ones too.

        For who mends what is stored of them, and then gives them back with `release`. `store` as
        for `claim`.
        """
        ...

    def renew(self, lease: str) -> frozenset[PageId]:
        """Prolong a lease by LEASE_SECONDS from now. The pages that it still holds."""
        ...

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        """Done up to the claim's marks. `stored` is the newest version, None if it is the claim's.

        Its documents are kept. Where it `is_unanswered`, the page is marked once more after
        LONGEST_PUT_SECONDS and its digest not trusted then. Raises LeaseLost; the page is then
        marked again and its digest no longer trusted.
        """
        ...

    def retry(self, claim: Claim, at: datetime, reason: str, *, is_written: bool = False) -> None:
        """Give the page back, due again at `at`. Raises LeaseLost.

        `is_written`: the store may hold a part of the next version, or get it late. The digest is
        not trusted then, nor after LONGEST_PUT_SECONDS, when the page is marked once more.
        """
        ...

    def release(self, claim: Claim, *, is_written: bool) -> None:
        """Give the page back as it was claimed, due at once; `is_written` as for `retry`.

        Raises LeaseLost; the page is then marked again.
        """
        ...

    def park(self, claim: Claim, reason: str, stored: LastStored | None = None) -> bool:
        """Set the page aside until `unpark`; `stored` as for `finish`. Raises LeaseLost.

        False where `unpark` came since the claim: the page is due again at once instead.
        """
        ...

    def unpark(self, page_ids: Collection[PageId]) -> None:
        """Let these pages be claimed again at once; those that are being read are read again."""
        ...

    def document(self, page: PageId, number: int) -> bytes | None:
        """The bytes of a version that is known to be stored; None where it is not known."""
        ...

    def pages(self, page_ids: Collection[PageId] | None = None) -> dict[PageId, PageState]:
        """The state of these pages, or of all; unknown ones are left out."""
        ...

    def digests(
        self, page_ids: Collection[PageId], asked: FieldList | None = None
    ) -> dict[PageId, str]:
        """What is stored of these pages, as far as they were last read with the list `asked`.

        Those that are parked or in doubt are left out.
        """
        ...

    def note_asked(self, page_ids: Collection[PageId], asked: FieldList) -> None:
        """These pages were read with this list, and are as they are stored."""
        ...

    def mirrored(self) -> frozenset[PageId]:
        """The pages of which a version is stored: few, where events may name a million others."""
        ...

    def status(self) -> InboxStatus:
        """Counts over the whole inbox."""
        ...


@dataclass(frozen=True)
class StoredObject:
    """What a store tells of one object without its bytes. `size` is in bytes."""

    key: str
    etag: str
    size: int


def etag_of(body: bytes) -> str:
    """The ETag of an object that was put in one piece: its MD5 in hex (S3, "PutObject")."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


class ObjectStore(Protocol):
    """Objects by key. Every method raises StoreUnavailable on failure.

    What a write raised may have happened all the same, unless it is said otherwise.
    """

    @property
    def address(self) -> str:
        """Where the objects are, for people: a folder's path or `s3://bucket/prefix`."""
        ...

    @property
    def identity(self) -> str:
        """What tells the store from every other: the address, and for a bucket its server.

        A database remembers it beside what is stored there. The same for each way to the server
        that can be seen to be one.
        """
        ...

    def check(self) -> None:
        """That objects could be stored, as far as that shows at once: no request is sent."""
        ...

    def put(self, key: str, body: bytes) -> bool:
        """Store the whole object under the key, durably, replacing what was there.

        True where an earlier try of it went unanswered: it may yet be applied once more, and
        replace what is put next. For LONGEST_PUT_SECONDS at most.
        """
        ...

    def create(self, key: str, body: bytes) -> bool:
        """Store it only where nothing is under the key. Whether the key holds these bytes now.

        So it is True as well where an earlier call stored the very same bytes.
        """
        ...

    @property
    def guards_creates(self) -> bool:
        """Whether `create` replaces nothing, also where two come at once; as far as is known yet.

        Without it, each looks first whether something is there.
        """
        ...

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        ...

    def head(self, key: str) -> StoredObject | None:
        """What is under the key, or None."""
        ...

    @property
    def list_requests(self) -> int:
        """How many requests `list` has sent so far; a folder needs none."""
        ...

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose keys begin with the prefix, in the order of their keys."""
        ...


ReadPages = Callable[
    [Sequence[PageId]], dict[PageId, PageSnapshot | TemporaryFailure | PermanentFailure]
]
"""Read each page now, in one Graph request for up to 50 of them: a snapshot or what went wrong."""


def page_key(page: PageId) -> str:
    """The key of the page as it is now, under the store's prefix."""
    return f"{page}/page_data.json"


def history_key(page: PageId, number: int) -> str:
    """The key of one version, under the store's prefix."""
    return f"{page}/history/{number:06d}.json"
