"""Suspicions are looked at again, each page under its lease, and drift is mended.

    suspicions -> hold -> HEAD, beside the database as it is now -> put -> release

Who holds a page's lease knows that no worker writes it, and that the database says what the last
one wrote. So what is put is never older than what it replaces: a version always has the same bytes,
and page_data.json is left to a worker where the store has a version that the database does not
know. A lease that is lost is treated as a worker's is: the page is looked at again.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from fbsync.drift import Drift, Suspicion, drift_of
from fbsync.errors import DatabaseUnavailable, LeaseLost, StoreUnavailable
from fbsync.hallway.lease import Lease, steady_seconds
from fbsync.hallway.refresh import UPLOAD_THREADS
from fbsync.page import PageId
from fbsync.parallel import in_parallel
from fbsync.ports import Claim, Inbox, LastStored, ObjectStore, PageState
from fbsync.verification.second_look import UNKNOWN, Plan, SecondLook

_OTHER_WORKER_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_BUSY = "Another worker has the page in hand. Run it again."

Looked = tuple[list[Drift], bool]
"""What was found of one page, and whether that is all."""


class Repair:
    """`document` gives the bytes of a version that is known to be stored, None where it is not."""

    def __init__(
        self,
        inbox: Inbox,
        store: ObjectStore,
        document: Callable[[PageId, int], bytes | None],
        *,
        dry_run: bool = False,
    ) -> None:
        self._inbox = inbox
        self._store = store
        self._second_look = SecondLook(store, document)
        self._dry_run = dry_run

    def settle(self, suspicions: Sequence[Suspicion]) -> list[Drift]:
        """What of these is drift, and mended as far as it can be; a dry run only names it.

        For up to some fifty pages, the suspicions of each together. Waits for workers that have a
        page in hand. Raises StoreMoved and DatabaseUnavailable.
        """
        waiting = {
            page: list(of_page)
            for page, of_page in itertools.groupby(suspicions, key=lambda found: found.page_id)
        }
        states = self._inbox.pages(waiting)
        found: dict[str, Drift] = {}
        for page in waiting.keys() - states.keys():
            found |= {s.key: drift_of(s, "left alone", UNKNOWN) for s in waiting.pop(page)}
        deadline = time.monotonic() + _OTHER_WORKER_SECONDS
        while waiting:
            looked = self._name(waiting) if self._dry_run else self._mend(waiting, states)
            for page, (drifts, is_all) in looked.items():
                found |= {drift.key: drift for drift in drifts}
                if is_all:
                    del waiting[page]
            if waiting and not any(is_all for _, is_all in looked.values()):
                if time.monotonic() > deadline:
                    break
                time.sleep(_LOOK_SECONDS)
        for left in itertools.chain.from_iterable(waiting.values()):
            found.setdefault(left.key, drift_of(left, "not repaired", _BUSY))
        named = [found[suspicion.key] for suspicion in suspicions if suspicion.key in found]
        return [replace(drift, remedy="named") for drift in named] if self._dry_run else named

    def _name(self, waiting: Mapping[PageId, list[Suspicion]]) -> dict[PageId, Looked]:
        """Without leases: a look at a page counts only if nobody had it in hand meanwhile."""
        before = self._inbox.pages(waiting)
        idle = [page for page, state in before.items() if not _is_leased(state)]

        def look(page: PageId) -> list[Drift]:
            state = before[page]
            plans = (self._plan(s, state.last, is_parked=state.parked) for s in waiting[page])
            return [plan.drift for plan in plans if plan]

        drifts = in_parallel(look, idle, UPLOAD_THREADS)
        after = self._inbox.pages(idle)
        return {
            page: (found, True)
            for page, found in zip(idle, drifts, strict=True)
            if page not in after  # forgotten meanwhile, see database/forgetting.py
            or (after[page].last == before[page].last and not _is_leased(after[page]))
        }

    def _mend(
        self, waiting: Mapping[PageId, list[Suspicion]], states: Mapping[PageId, PageState]
    ) -> dict[PageId, Looked]:
        begun = steady_seconds()
        claims = self._inbox.hold(list(waiting), self._store.identity)
        if not claims:
            return {}

        def mend(claim: Claim) -> Looked:
            page = claim.page_id
            looked = self._mend_page(claim, waiting[page], lease, is_parked=states[page].parked)
            lease.settled(page)
            return looked

        with Lease(self._inbox, claims, begun) as lease:
            try:
                looked = in_parallel(mend, claims, UPLOAD_THREADS)
            except BaseException:
                with suppress(DatabaseUnavailable):  # then the leases run out
                    lease.give_up()
                raise
        return dict(zip((claim.page_id for claim in claims), looked, strict=True))

    def _mend_page(
        self, claim: Claim, suspicions: Sequence[Suspicion], lease: Lease, *, is_parked: bool
    ) -> Looked:
        drifts: list[Drift] = []
        must_read = is_unanswered = False
        try:
            for suspicion in suspicions:
                if plan := self._plan(suspicion, claim.last, is_parked=is_parked):
                    drift, is_late = self._carry_out(plan, lease)
                    is_unanswered |= is_late
                    drifts.append(drift)
                    # What is left to a worker, and a write that failed and may yet arrive.
                    must_read |= drift.remedy == "read again" or drift is not plan.drift
        except LeaseLost:
            with suppress(LeaseLost):
                self._inbox.release(claim, is_written=bool(drifts))
            is_all = False
        else:
            is_all = self._give_back(claim, must_read=must_read, is_unanswered=is_unanswered)
        # What was only seen is seen again, beside what the database says by then.
        return drifts if is_all else [d for d in drifts if d.remedy == "repaired"], is_all

    def _carry_out(self, plan: Plan, lease: Lease) -> tuple[Drift, bool]:
        """What came of it; whether a try of its put may yet arrive, though another succeeded."""
        drift = plan.drift
        if plan.body is None:
            return drift, False
        if not lease.may_write(drift.page_id):
            raise LeaseLost(f"The lease on page {drift.page_id} ran out; nothing more is written.")
        try:
            is_unanswered = self._store.put(drift.key, plan.body)
        except StoreUnavailable as error:
            return replace(drift, remedy="not repaired", reason=str(error)), False
        return drift, is_unanswered

    def _give_back(self, claim: Claim, *, must_read: bool, is_unanswered: bool) -> bool:
        """False where the lease was lost: another worker may have come in between.

        `must_read`: the store may hold something else than the database says, so that the next pass
        over the page does not believe it. `is_unanswered`: it may do so later.
        """
        if must_read:
            claim = replace(claim, marks=self._inbox.mark([claim.page_id], "sync")[claim.page_id])
        try:
            self._inbox.release(claim, is_written=must_read or is_unanswered)
        except LeaseLost:
            return False
        return True

    def _plan(
        self, suspicion: Suspicion, last: LastStored | None, *, is_parked: bool
    ) -> Plan | None:
        try:
            return self._second_look.look(suspicion, last, is_parked=is_parked)
        except StoreUnavailable as error:
            return Plan(drift_of(suspicion, "not repaired", str(error)))


def _is_leased(state: PageState) -> bool:
    return state.leased_until is not None and state.leased_until > datetime.now(UTC)
