"""The second half of the hallway: claim marked pages, read them, compare, store, finish.

    claim -> read_pages -> changes_between -> object_store.put -> finish

Nothing here looks at an event: a mark says only that a page may have changed. A failure after a
claim means that the page is claimed again later; since the version number is fixed at claim time,
a write that is done twice overwrites itself.
"""

import random
import threading
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from fbsync.errors import (
    DatabaseUnavailable,
    FbsyncError,
    LeaseLost,
    PermanentFailure,
    StoreUnavailable,
    TemporaryFailure,
)
from fbsync.page import PageId, PageSnapshot, PageVersion, changes_between
from fbsync.ports import (
    LEASE_SECONDS,
    Claim,
    Inbox,
    LastStored,
    ObjectStore,
    ReadPages,
    history_key,
    page_key,
)

CLAIM_LIMIT = 50
UPLOAD_THREADS = 8
_SOONEST_RETRY = timedelta(seconds=1)
_FIRST_RETRY_SECONDS = 2.0
_LAST_RETRY_SECONDS = 900.0

Reading = PageSnapshot | TemporaryFailure | PermanentFailure


@dataclass(frozen=True)
class Outcome:
    """What became of one page. "taken over": our lease was lost; "settled elsewhere": another
    worker settled it.

    `version` is there when one was stored; `reason` when the page was put off or parked; `retry_at`
    when it was put off.
    """

    page_id: PageId
    kind: Literal["stored", "unchanged", "put off", "parked", "taken over", "settled elsewhere"]
    version: PageVersion | None = None
    reason: str | None = None
    retry_at: datetime | None = None


class Refresher:
    """Doors 4 to 8, for as many pages as one Graph batch takes."""

    def __init__(self, inbox: Inbox, store: ObjectStore, read_pages: ReadPages) -> None:
        self._inbox = inbox
        self._store = store
        self._read_pages = read_pages

    def refresh(self, only: Collection[PageId] | None = None) -> list[Outcome]:
        """Claim up to CLAIM_LIMIT due pages and see each to its end; empty where none is due.

        Raises DatabaseUnavailable; the leases then run out by themselves.
        """
        claims = self._inbox.claim(CLAIM_LIMIT, only)
        if not claims:
            return []
        with _Lease(self._inbox, claims) as lease:
            readings = self._read(claims)
            with ThreadPoolExecutor(min(UPLOAD_THREADS, len(claims))) as pool:
                settled = pool.map(
                    lambda claim: self._settle(claim, readings[claim.page_id], lease), claims
                )
                return list(settled)

    def _read(self, claims: list[Claim]) -> dict[PageId, Reading]:
        ids = [claim.page_id for claim in claims]
        try:
            found = self._read_pages(ids)
        except FbsyncError as error:
            # The request failed as a whole, so it says nothing against any single page.
            failure = error if isinstance(error, TemporaryFailure) else TemporaryFailure(str(error))
            return dict.fromkeys(ids, failure)
        missing = TemporaryFailure("The page was left out of the answer.")
        return {page: found.get(page, missing) for page in ids}

    def _settle(self, claim: Claim, reading: Reading, lease: "_Lease") -> Outcome:
        try:
            if isinstance(reading, PageSnapshot):
                return self._store_and_finish(claim, reading, lease)
            if isinstance(reading, PermanentFailure):
                return self._park(claim, str(reading))
            return self._put_off(claim, reading)
        except StoreUnavailable as error:
            return self._put_off(claim, error, is_written=True)  # it may have arrived all the same
        except LeaseLost as error:
            return Outcome(claim.page_id, "taken over", reason=str(error))

    def _store_and_finish(self, claim: Claim, snapshot: PageSnapshot, lease: "_Lease") -> Outcome:
        last = claim.last
        if last is not None:
            snapshot = snapshot.keeping(last.fields)
        if last is not None and last.digest == snapshot.digest:
            self._inbox.finish(claim, None)
            return Outcome(claim.page_id, "unchanged")
        version = PageVersion(
            page_id=claim.page_id,
            number=last.number + 1 if last else 1,
            snapshot=snapshot,
            changes=changes_between(last.fields if last else None, snapshot.fields),
            noticed_by=claim.noticed_by,
        )
        page, key = claim.page_id, history_key(claim.page_id, version.number)
        if not lease.holds(page):
            raise LeaseLost(f"The lease on page {page} ran out; nothing is written.")
        self._store.put(key, version.document)
        if not lease.holds(page):
            # The next holder may have written this version too, and then ours replaced it.
            self._inbox.retry(claim, datetime.now(UTC), "The lease ran out.", is_written=True)
            raise LeaseLost(f"The lease on page {page} ran out; nothing more is written.")
        self._store.put(page_key(page), snapshot.document)
        stored = LastStored(version.number, snapshot.digest, snapshot.fields)
        self._inbox.finish(claim, stored)
        return Outcome(claim.page_id, "stored", version=version)

    def _park(self, claim: Claim, reason: str) -> Outcome:
        if self._inbox.park(claim, reason):
            return Outcome(claim.page_id, "parked", reason=reason)
        return Outcome(claim.page_id, "put off", reason=reason, retry_at=datetime.now(UTC))

    def _put_off(
        self, claim: Claim, error: TemporaryFailure, *, is_written: bool = False
    ) -> Outcome:
        now = datetime.now(UTC)
        at = error.retry_at or now + _back_off(claim.attempts)
        at = max(at, now + _SOONEST_RETRY)  # a wish in the past must not make us spin
        try:
            self._inbox.retry(claim, at, str(error), is_written=is_written)
        except LeaseLost as lost:
            return Outcome(claim.page_id, "taken over", reason=str(lost))
        return Outcome(claim.page_id, "put off", reason=str(error), retry_at=at)


class _Lease:
    """Keeps the lease on a set of claims alive from a thread of its own."""

    def __init__(self, inbox: Inbox, claims: list[Claim]) -> None:
        self._inbox = inbox
        self._token = claims[0].lease
        self._held = frozenset(claim.page_id for claim in claims)
        self._until = time.monotonic() + LEASE_SECONDS
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="fbsync-lease")

    def __enter__(self) -> "_Lease":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def holds(self, page: PageId) -> bool:
        """Whether the page was ours at the last renewal and its lease has not run out since."""
        return page in self._held and time.monotonic() < self._until

    def _keep(self) -> None:
        while not self._done.wait(LEASE_SECONDS / 4):
            # Counted from before the renewal, so that we give up no later than the database does.
            until = time.monotonic() + LEASE_SECONDS
            try:
                self._held = self._inbox.renew(self._token)
            except DatabaseUnavailable:
                continue  # the lease runs out where this lasts, and `holds` then says so
            self._until = until


def _back_off(attempts: int) -> timedelta:
    """2 s, 4 s, 8 s … up to 15 min, of which a random half is taken off to spread the load."""
    longest = min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(attempts, 20))
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreading, not a secret
