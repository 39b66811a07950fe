"""The second half of the hallway: claim marked pages, read them, compare, store, finish.

    claim -> read_pages -> page_writer -> finish

Nothing here looks at an event: a mark says only that a page may have changed. A failure after a
claim means that the page is claimed again later; what was stored by then is found, and it goes on.
"""

import random
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import BoundedSemaphore
from typing import Literal

from fbsync.errors import (
    DatabaseUnavailable,
    FbsyncError,
    LeaseLost,
    PermanentFailure,
    StoreRefused,
    StoreUnavailable,
    TemporaryFailure,
)
from fbsync.hallway.lease import Lease, steady_seconds
from fbsync.hallway.page_writer import PageWriter
from fbsync.page import PageId, PageSnapshot, PageVersion
from fbsync.parallel import in_parallel
from fbsync.ports import Claim, Inbox, ObjectStore, ReadPages
from fbsync.unforeseen import describe

CLAIM_LIMIT = 50
UPLOAD_THREADS = 8
_SETTLERS = 2  # for each that may upload: some wait for their commit meanwhile
_SOONEST_RETRY = timedelta(seconds=1)
_FIRST_RETRY_SECONDS = 2.0
_LAST_RETRY_SECONDS = 900.0
_GIVEN_UP = "It was given up at the end."

Reading = PageSnapshot | TemporaryFailure | PermanentFailure
OutcomeKind = Literal["stored", "unchanged", "put off", "parked", "taken over", "settled elsewhere"]


@dataclass(frozen=True)
class Outcome:
    """What became of one page. "taken over": our lease was lost; "settled elsewhere": another
    worker settled it.

    `version` is there when one was stored; `reason` when the page was put off or parked; `retry_at`
    when it was put off. `event` is the id of the newest delivery that asked for the read. `drift`
    names objects that were not as the database said, and were mended. `is_refused`: by the store,
    for a reason that does not pass by itself.
    """

    page_id: PageId
    kind: OutcomeKind
    version: PageVersion | None = None
    reason: str | None = None
    retry_at: datetime | None = None
    event: str | None = None
    drift: tuple[str, ...] = ()
    is_refused: bool = False


class Refresher:
    """Doors 4 to 8, for as many pages as one Graph batch takes; `threads` of them upload."""

    def __init__(
        self,
        inbox: Inbox,
        store: ObjectStore,
        read_pages: ReadPages,
        threads: int = UPLOAD_THREADS,
    ) -> None:
        self._inbox = inbox
        self._store = store.identity
        self._writer = PageWriter(store, inbox.document)
        self._read_pages = read_pages
        self._threads = threads
        self._uploads = BoundedSemaphore(threads)
        self._lease: Lease | None = None
        self._unsettled: list[Claim] = []  # whose end the database was not told
        self._failure: DatabaseUnavailable | None = None  # why, where nobody was told yet

    def refresh(self, only: Collection[PageId] | None = None) -> list[Outcome]:
        """Claim up to CLAIM_LIMIT due pages and see each to its end; empty where none is due.

        Raises StoreMoved and DatabaseUnavailable. Where some pages came to their end all the same,
        their outcomes are returned, and the next call raises it. Pages whose end the database was
        not told are given back at the next call, or their leases run out.
        """
        failure, self._failure = self._failure, None
        self._release_unsettled()
        if failure is not None:
            raise failure
        begun = steady_seconds()
        claims = self._inbox.claim(CLAIM_LIMIT, only, self._store)
        if not claims:
            return []
        with Lease(self._inbox, claims, begun) as lease:
            self._lease = lease
            readings = self._read(claims)
            found = in_parallel(
                lambda claim: self._settle(claim, readings[claim.page_id], lease),
                claims,
                _SETTLERS * self._threads,
            )
        outcomes = [ended for ended in found if isinstance(ended, Outcome)]
        failures = [ended for ended in found if isinstance(ended, DatabaseUnavailable)]
        if failures and not outcomes:
            raise failures[0]
        self._failure = failures[0] if failures else None
        return outcomes

    def give_up(self) -> None:
        """Let others claim the pages in hand at once; for the end of a process whose calls hang.

        Those that are being written keep their lease until it runs out, as a write may still
        arrive. Raises DatabaseUnavailable.
        """
        if self._lease is not None:
            self._lease.give_up()

    def _release_unsettled(self) -> None:
        """Another worker may have settled them since; what we wrote may be newer than its own."""
        while self._unsettled:
            with suppress(LeaseLost):
                self._inbox.release(self._unsettled[-1], is_written=True)
            self._unsettled.pop()

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

    def _settle(
        self, claim: Claim, reading: Reading, lease: Lease
    ) -> Outcome | DatabaseUnavailable:
        """What became of the page, or why the database was not told: others may have ended well."""
        if lease.is_given_up(claim.page_id):
            return Outcome(claim.page_id, "taken over", reason=_GIVEN_UP, event=claim.event)
        try:
            outcome = self._settle_safely(claim, reading, lease)
        except LeaseLost as error:
            outcome = Outcome(claim.page_id, "taken over", reason=str(error))
        except DatabaseUnavailable as error:
            self._unsettled.append(claim)
            return error
        lease.settled(claim.page_id)
        return replace(outcome, event=claim.event)

    def _settle_safely(self, claim: Claim, reading: Reading, lease: Lease) -> Outcome:
        try:
            return self._settle_reading(claim, reading, lease)
        except (DatabaseUnavailable, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 - it is told; the other pages go on
            told = TemporaryFailure(f"A fault of fbsync's own; please report it: {describe(error)}")
            return self._put_off(claim, told, is_written=lease.may_be_written(claim.page_id))

    def _settle_reading(self, claim: Claim, reading: Reading, lease: Lease) -> Outcome:
        if isinstance(reading, TemporaryFailure):
            return self._put_off(claim, reading)
        try:
            if isinstance(reading, PermanentFailure):
                return self._park(claim, reading, lease)
            return self._store_and_finish(claim, reading, lease)
        except StoreUnavailable as error:
            # A write that failed may have happened all the same; a look that failed is none.
            return self._put_off(claim, error, is_written=lease.may_be_written(claim.page_id))

    def _store_and_finish(self, claim: Claim, snapshot: PageSnapshot, lease: Lease) -> Outcome:
        with self._uploads:
            if lease.is_given_up(claim.page_id):
                raise LeaseLost(_GIVEN_UP)
            written = self._writer.write(claim, snapshot, lambda: self._guard(claim, lease))
        self._inbox.finish(claim, written.last)
        kind: OutcomeKind = "stored" if written.version else "unchanged"
        return Outcome(claim.page_id, kind, version=written.version, drift=written.drift)

    def _guard(self, claim: Claim, lease: Lease) -> None:
        if not lease.may_write(claim.page_id):
            # If nobody took the page yet, it is free at once; else its new holder looks twice.
            self._inbox.release(claim, is_written=True)
            raise LeaseLost(f"The lease on page {claim.page_id} ran out; nothing more is written.")

    def _park(self, claim: Claim, failure: PermanentFailure, lease: Lease) -> Outcome:
        written = self._writer.bury(claim, failure, lambda: self._guard(claim, lease))
        reason, drift = str(failure), written.drift
        if self._inbox.park(claim, reason, written.last):
            return Outcome(claim.page_id, "parked", reason=reason, drift=drift)
        now = datetime.now(UTC)
        return Outcome(claim.page_id, "put off", reason=reason, retry_at=now, drift=drift)

    def _put_off(
        self, claim: Claim, error: TemporaryFailure, *, is_written: bool = False
    ) -> Outcome:
        now = datetime.now(UTC)
        at = error.retry_at or now + _back_off(claim.attempts)
        at = max(at, now + _SOONEST_RETRY)  # a wish in the past must not make us spin
        self._inbox.retry(claim, at, str(error), is_written=is_written)
        is_refused = isinstance(error, StoreRefused)
        return Outcome(
            claim.page_id, "put off", reason=str(error), retry_at=at, is_refused=is_refused
        )


def _back_off(attempts: int) -> timedelta:
    """2 s, 4 s, 8 s … up to 15 min, of which a random half is taken off to spread the load."""
    longest = min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(attempts, 20))
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreading, not a secret
