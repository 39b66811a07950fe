"""One run of a sync over the pages, by a command or beside a listener."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fbsync.database.put_off import hurry
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import CLAIM_LIMIT, UPLOAD_THREADS, Outcome, Refresher
from fbsync.page import PageId
from fbsync.patience import POLL_PATIENCE, Patience
from fbsync.ports import ObjectStore
from fbsync.sync.difference import Difference
from fbsync.sync.dry_look import look_at
from fbsync.sync.missed_webhook import MissedWebhook, missed_by
from fbsync.sync.sync import Poll
from fbsync.wiring import Access

Found = Outcome | Difference


@dataclass(frozen=True)
class SyncRun:
    """What a run needs, and whom it tells. It begins once the store was entered (enter_store).

    `found` is told of each page, but for those that the poll has as they are stored: of them
    `unchanged` is told the number, part by part. `refused` is told of each person whose list of
    pages may not be read, and `missed` of each change that a webhook should have told, given the
    webhook fields `fields`. `is_patient`: nobody waits for it, so pages are put off where the store
    cannot be used.
    """

    access: Access
    store: ObjectStore
    fields: Collection[str]
    found: Callable[[Found], None]
    unchanged: Callable[[int], None]
    refused: Callable[[str, FbsyncError], None]
    missed: Callable[[MissedWebhook], None]
    say: Callable[[str], None] = lambda text: None
    ends: Callable[[], bool] = lambda: False
    patience: Patience = POLL_PATIENCE
    is_patient: bool = False

    def over_all(self, known: Collection[PageId], *, by_the_clock: bool) -> None:
        """All pages, in a run that is held (SyncRuns.hold)."""
        lists_refused = self._run(known, None, at_once=not by_the_clock)
        if not lists_refused and not self.ends():
            self.access.last_sync.note(datetime.now(UTC), self.store.identity)

    def over(self, wanted: Collection[PageId], known: Collection[PageId]) -> None:
        """Some pages."""
        self._run(known, wanted, at_once=True)

    def dry(self, wanted: Collection[PageId] | None, known: Collection[PageId]) -> None:
        """Only tell what differs."""
        self._run(known, wanted, dry_run=True)

    def _run(
        self,
        known: Collection[PageId],
        wanted: Collection[PageId] | None,
        *,
        dry_run: bool = False,
        at_once: bool = False,
    ) -> int:
        """How many people's lists were refused. `at_once`: what was put off waits no longer."""
        refused = []

        def refuse(person: str, error: FbsyncError) -> None:
            refused.append(person)
            self.refused(person, error)

        if at_once:  # what they were put off for may be mended, and somebody waits
            hurry(self.access.database, wanted)
        first, second = (
            self.access.refresher(self.store, dry_run=dry_run, threads=UPLOAD_THREADS // 2)
            for _ in range(2)
        )
        poll = Poll(
            self.access.inbox,
            first,
            self._look,
            further=[second],
            wanted=wanted,
            dry_run=dry_run,
            patience=self.patience,
            say=self.say,
            ends=self.ends,
            is_patient=self.is_patient,
            unchanged=self.unchanged,
        )
        poll.run(self.access.lists.poll(keep_tokens=not dry_run, refused=refuse), known)
        if poll.left_out:
            self._look_at(poll.left_out, first)
        return len(refused)

    def _look_at(self, pages: Sequence[PageId], refresher: Refresher) -> None:
        """A dry run over pages that no list has any more."""
        inbox = self.access.inbox
        for start in range(0, len(pages), CLAIM_LIMIT):
            snapshots, failed = look_at(
                inbox, self.access.read_pages, pages[start : start + CLAIM_LIMIT]
            )
            for outcome in failed:
                self.found(outcome)
            Poll(inbox, refresher, self.found, dry_run=True).run([snapshots], [])

    def _look(self, found: Found) -> None:
        if isinstance(found, Outcome) and (missed := missed_by(found, self.fields)):
            self.access.missed_webhooks.note(missed.page_id, missed.number, missed.fields)
            self.missed(missed)
        self.found(found)
