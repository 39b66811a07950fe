"""`fbsync sync`: poll the pages, mark those that differ from what is stored, and drain the marks.

The poll only says which pages to look at. What is stored is read again after the claim, like after
an event, so that an event which arrives in between is never lost to an older reading.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial

from fbsync.errors import DatabaseUnavailable, StoreRefused
from fbsync.field_list import FieldList
from fbsync.hallway.refresh import CLAIM_LIMIT, Outcome, Refresher
from fbsync.page import PageId, PageSnapshot
from fbsync.patience import POLL_PATIENCE, Patience
from fbsync.ports import Inbox, PageState
from fbsync.sync.difference import Difference, difference
from fbsync.sync.in_hand import InHand
from fbsync.sync.put_off_pages import PutOffPages

NO_ACCESS = "No token for this page is stored, and nobody who logged in manages it."
_OTHER_WORKER_SECONDS = 60.0
_LOOK_SECONDS = 0.2
STOP_SECONDS = 5.0
"""How long the pages in hand may take after Ctrl-C; then they are given back."""


class Poll:
    """One run over the polled pages; `wanted` restricts it to some of them.

    `report` is called once for each page: with its Outcome, or in a dry run with its Difference,
    but for `left_out`. `unchanged`, where given, is told instead how many pages of a part are as
    they are stored. `say` is told when it begins to wait for pages that were put off. `ends` is
    asked before each part of the poll whether to leave it at that. `is_patient`: nobody waits
    for the run, so a store that refuses does not end it.

    With `further` refreshers, each works in a thread of its own: while one uploads, another reads,
    and the next part of the poll is asked for.
    """

    def __init__(
        self,
        inbox: Inbox,
        refresher: Refresher,
        report: Callable[[Outcome | Difference], None],
        *,
        further: Sequence[Refresher] = (),
        wanted: Collection[PageId] | None = None,
        dry_run: bool = False,
        patience: Patience = POLL_PATIENCE,
        say: Callable[[str], None] = lambda text: None,
        ends: Callable[[], bool] = lambda: False,
        is_patient: bool = False,
        unchanged: Callable[[int], None] | None = None,
    ) -> None:
        self._inbox = inbox
        self._refresher = refresher
        self._report = report
        self._unchanged = unchanged
        self._wanted = wanted
        self._dry_run = dry_run
        self._ends = ends
        self._is_patient = is_patient
        # All that is known, wanted or listed, once, as they may be many: whether the poll had it.
        self._seen: dict[PageId, bool] = {}
        self._put_off = PutOffPages(patience, say)
        self._lock = threading.Lock()  # for what is settled
        self._stopped = False
        self.left_out: list[PageId] = []  # by the poll, of the known ones, in a dry run
        self._refreshers = (refresher, *further) if further else ()
        self._in_hand = InHand[Sequence[PageId]](
            [partial(self._refresh_part, each) for each in self._refreshers]
        )

    def run(self, parts: Iterable[Sequence[PageSnapshot]], known: Collection[PageId]) -> None:
        """Compare the poll, up to the last wanted page; then look one by one at what it left out.

        `known` are the pages that have a token of their own. Raises what the poll raises,
        StoreRefused, StoreMoved and DatabaseUnavailable. However it ends, nothing stays in hand
        that is not being written.
        """
        try:
            self._run(parts, known)
        except BaseException:
            with suppress(DatabaseUnavailable):  # the leases run out by themselves
                self._stop()
            raise

    def _run(self, parts: Iterable[Sequence[PageSnapshot]], known: Collection[PageId]) -> None:
        self._seen = dict.fromkeys(known if self._wanted is None else self._wanted, False)
        for part in parts:
            if self._ends():
                self._stop()
                return
            self._compare([snapshot for snapshot in part if self._is_new(snapshot.page_id)])
            if self._wanted is not None and all(self._seen.values()):
                break  # the rest of everybody's lists may be a thousand calls
        self._in_hand.finish()
        left_out = {page for page, is_seen in self._seen.items() if not is_seen}
        for page in sorted(left_out.difference(known)):
            self._report(Outcome(page, "parked", reason=NO_ACCESS))
        left_out.intersection_update(known)
        if self._dry_run:
            self.left_out = sorted(left_out)
        else:
            self._refresh(sorted(left_out))
            self._in_hand.finish()
            if self._wanted is None:
                self._drain_rest()
            for outcome in self._put_off.wait(self._refresh_and_wait):
                self._report(outcome)

    def _is_new(self, page: PageId) -> bool:
        """False for pages that nobody asked for, and for those that a second person lists too."""
        is_asked_for = self._wanted is None or page in self._seen
        if self._seen.get(page, not is_asked_for):
            return False
        self._seen[page] = True
        return True

    def _compare(self, snapshots: Sequence[PageSnapshot]) -> None:
        asked = snapshots[0].asked if snapshots else None
        digests = self._inbox.digests([snapshot.page_id for snapshot in snapshots], asked)
        same, left = [], []
        for snapshot in snapshots:
            if not snapshot.left_out and digests.get(snapshot.page_id) == snapshot.digest:
                same.append(snapshot.page_id)
            else:
                left.append(snapshot)
        self._settle_unchanged(same)
        if left:
            self._compare_fields(left)

    def _compare_fields(self, snapshots: Sequence[PageSnapshot]) -> None:
        states = self._inbox.pages([snapshot.page_id for snapshot in snapshots])
        same, differing = [], []
        asked_anew: dict[FieldList, list[PageId]] = {}
        for snapshot in snapshots:
            state = states.get(snapshot.page_id)
            last = state.last if state else None
            now = snapshot.keeping(last.fields, last.asked) if last else snapshot
            if state and last and not state.parked and last.digest == now.digest:
                same.append(snapshot.page_id)
                if now.asked is not None and now.asked != last.asked:
                    asked_anew.setdefault(now.asked, []).append(snapshot.page_id)
                continue
            differing.append(snapshot.page_id)
            if self._dry_run:
                self._report(difference(last, now))
        self._settle_unchanged(same)
        if not self._dry_run:
            for asked, pages in asked_anew.items():
                self._inbox.note_asked(pages, asked)
            # The poll lists them, so the access that they were parked for is back.
            self._inbox.unpark(
                [page for page in differing if page in states and states[page].parked]
            )
            self._refresh(differing)

    def _refresh(self, page_ids: Sequence[PageId]) -> None:
        for start in range(0, len(page_ids), CLAIM_LIMIT):
            part = page_ids[start : start + CLAIM_LIMIT]
            if self._refreshers:
                self._in_hand.submit(part)
            else:
                self._refresh_part(self._refresher, part)

    def _stop(self) -> None:
        """Let what is in hand come to its end, or give it back: nobody waits for its leases."""
        self._stopped = True
        self._in_hand.wait(STOP_SECONDS)
        for refresher in self._refreshers or (self._refresher,):
            refresher.give_up()

    def _refresh_part(self, refresher: Refresher, part: Sequence[PageId]) -> None:
        """Mark these pages and see each of them settled, by us or by another worker."""
        marks = self._inbox.mark(part, "sync")
        deadline = time.monotonic() + _OTHER_WORKER_SECONDS
        while marks and not self._stopped:
            ours = refresher.refresh(list(marks))
            self._settle_part(ours, marks)
            states = self._inbox.pages(list(marks)) if marks else {}
            elsewhere = [_outcome_elsewhere(states[page], marks[page], deadline) for page in states]
            # Somebody may have put a page to rest meanwhile: `fbsync pages --forget`.
            gone = [Outcome(page, "settled elsewhere") for page in marks if page not in states]
            self._settle_part([*gone, *filter(None, elsewhere)], marks)
            if marks and not ours:
                time.sleep(_LOOK_SECONDS)

    def _settle_part(self, outcomes: Iterable[Outcome], marks: dict[PageId, int]) -> None:
        """Take those out of `marks` that came to their end.

        What the store refuses comes last, as it ends the run.
        """
        for outcome in sorted(outcomes, key=lambda one: one.is_refused):
            if outcome.kind != "taken over" and outcome.page_id in marks:
                self._settle(outcome)
                del marks[outcome.page_id]

    def _drain_rest(self) -> None:
        """Finish what events had marked before, as a listener's worker would."""
        while outcomes := self._refresher.refresh():
            for outcome in sorted(outcomes, key=lambda one: one.is_refused):
                # A page that was put off may be due by now, and is settled here then.
                if self._put_off.remove(outcome.page_id) or outcome.page_id not in self._seen:
                    self._settle(outcome)

    def _settle_unchanged(self, page_ids: Sequence[PageId]) -> None:
        """Most pages, and nothing else is told of them."""
        if self._unchanged is None:
            for page in page_ids:
                self._settle(Outcome(page, "unchanged"))
        elif page_ids:
            with self._lock:
                self._unchanged(len(page_ids))

    def _settle(self, outcome: Outcome) -> None:
        """Report what is final; what was put off gets its further tries first.

        Raises StoreRefused where somebody waits: no other page would fare better.
        """
        if outcome.is_refused and not self._is_patient:
            raise StoreRefused(outcome.reason or "")
        with self._lock:
            if outcome.kind == "put off" and outcome.retry_at is not None:
                self._put_off.add(outcome)
            else:
                self._report(outcome)

    def _refresh_and_wait(self, page_ids: Sequence[PageId]) -> None:
        self._refresh(page_ids)
        self._in_hand.finish()


def _outcome_elsewhere(state: PageState, mark: int, deadline: float) -> Outcome | None:
    """The outcome of a page that we could not claim; None while another worker has it in hand."""
    if state.parked:
        return Outcome(state.page_id, "parked", reason=state.reason)
    if state.done >= mark:
        return Outcome(state.page_id, "settled elsewhere")
    if state.reason and state.leased_until is None:
        return Outcome(state.page_id, "put off", reason=state.reason, retry_at=state.due_at)
    if time.monotonic() > deadline:
        return Outcome(state.page_id, "put off", reason="Another worker holds it; run sync again.")
    return None
