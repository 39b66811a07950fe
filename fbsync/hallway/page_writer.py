"""Door 7: the objects of one page, each version before the page itself.

A version is created and never changed, so its number says which bytes it has. Where the next number
is taken, by a worker that died before its finish or whose write came late, that version is adopted:
what was read is compared with it, and stored under the number after it if it differs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fbsync.errors import NoAccess, PageGone, PermanentFailure, PermissionMissing, TokenRefused
from fbsync.field_list import ListChange
from fbsync.hallway.store_check import Guard, StoreCheck
from fbsync.page import (
    NoticedBy,
    PageId,
    PageSnapshot,
    PageVersion,
    Tombstone,
    changes_between,
)
from fbsync.ports import INACCESSIBLE, Claim, LastStored, ObjectStore, history_key, page_key
from fbsync.version_document import parse_version

_LOSSES = (PageGone, NoAccess, TokenRefused, PermissionMissing)


@dataclass(frozen=True)
class Written:
    """What to tell `Inbox.finish` or `Inbox.park`; `last` is None where it is as the claim says.

    `version` is new since the claim: ours, or one that was adopted. `drift` names objects that were
    not as the database said, and are mended.
    """

    last: LastStored | None = None
    version: PageVersion | None = None
    drift: tuple[str, ...] = ()


class PageWriter:
    """For all pages of a process. `document` as for StoreCheck; methods raise as it does."""

    def __init__(self, store: ObjectStore, document: Callable[[PageId, int], bytes | None]) -> None:
        self._store = store
        self._check = StoreCheck(store, document)

    def write(self, claim: Claim, snapshot: PageSnapshot, guard: Guard) -> Written:
        """Store what was read, if it differs from the newest version."""
        page, last = claim.page_id, claim.last
        drift: tuple[str, ...] = ()
        if last is not None:
            if last.digest == snapshot.keeping(last.fields).digest:
                return Written()
            last, drift = self._check.look(page, last, guard)
        while True:
            now = snapshot.keeping(last.fields, last.asked) if last else snapshot
            if last is not None and last.digest == now.digest:
                last = self._check.put_page(page, last, guard)
                return Written(replace(last, asked=now.asked), _adopted(claim, last), drift)
            version = _next_version(claim, last, now)
            if self._create(version, guard):
                guard()
                is_unanswered = self._store.put(page_key(page), now.document)
                last = _grown(last, version, now, is_unanswered=is_unanswered)
                return Written(last, version, drift)
            last = self._check.newer(page, last)

    def bury(self, claim: Claim, failure: PermanentFailure, guard: Guard) -> Written:
        """Say in the history that a mirrored page is gone or its access lost, unless it says so.

        Failures of another kind, and those of the whole app, say nothing of the page. Whatever the
        failure, what is in doubt is settled: nobody looks at a page that is set aside.
        """
        page, last = claim.page_id, claim.last
        if last is None or last.digest == INACCESSIBLE:
            return Written()
        is_in_doubt = last.digest is None
        is_lost = isinstance(failure, _LOSSES) and not failure.of_app
        if not (is_lost or is_in_doubt):
            return Written()
        last, drift = self._check.look(page, last, guard)
        while is_lost and last.digest != INACCESSIBLE:
            number, noticed_at = last.number + 1, datetime.now(UTC)
            stone = Tombstone(page, number, noticed_at, str(failure), _noticed_by(claim, number))
            if self._create(stone, guard):
                documents = {**last.documents, number: stone.document}
                last = replace(last, number=number, digest=INACCESSIBLE, documents=documents)
            else:
                last = self._check.newer(page, last)
        if is_in_doubt:
            last = self._check.put_page(page, last, guard)
        return Written(last, None, drift)

    def _create(self, version: PageVersion | Tombstone, guard: Guard) -> bool:
        guard()
        key = history_key(version.page_id, version.number)
        return self._store.create(key, version.document)


def _next_version(claim: Claim, last: LastStored | None, now: PageSnapshot) -> PageVersion:
    number = last.number + 1 if last else 1
    listed = ListChange.between(last.asked if last else None, now.asked)
    changes = changes_between(last.fields if last else None, now.fields, listed.names)
    return PageVersion(claim.page_id, number, now, changes, _noticed_by(claim, number), listed)


def _noticed_by(claim: Claim, number: int) -> NoticedBy:
    """A page that is new to the database may have versions in the store all the same."""
    if claim.noticed_by != "first" or number == 1:
        return claim.noticed_by
    return "webhook" if claim.event else "sync"


def _grown(
    last: LastStored | None, version: PageVersion, now: PageSnapshot, *, is_unanswered: bool
) -> LastStored:
    documents = {**(last.documents if last else {}), version.number: version.document}
    is_unanswered |= last is not None and last.is_unanswered
    return LastStored(version.number, now.digest, now.fields, documents, is_unanswered, now.asked)


def _adopted(claim: Claim, last: LastStored) -> PageVersion | None:
    if claim.last is not None and last.number <= claim.last.number:
        return None
    key = history_key(claim.page_id, last.number)
    version = parse_version(key, last.documents[last.number])
    return version if isinstance(version, PageVersion) else None
