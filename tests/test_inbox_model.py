"""Every schedule of two workers: nothing is lost, and the store ends as the pages are.

Each case explores all of its schedules, see refresh_model.py; the counts are printed (`pytest -s`).
The deliberately broken parts at the end show that the model notices what it is there for.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import pages
from fbsync.errors import LeaseLost
from fbsync.hallway.refresh import Refresher
from fbsync.page import PageId
from fbsync.ports import Claim, Inbox, LastStored, ObjectStore, ReadPages
from fbsync.webhook import Delivery
from tests.refresh_model import Limits, Model, Violation

ONE, TWO = PageId("1"), PageId("2")


def explore(
    folder: Path,
    names: str,
    limits: Limits,
    events: Sequence[PageId] = (),
    inbox: type[DatabaseInbox] = DatabaseInbox,
    refresher: type[Refresher] = Refresher,
    known: Collection[PageId] = (ONE, TWO),
) -> Model:
    """All schedules. The events of page 1, or of those named, make its name A become these."""
    pages_of_events = list(events) or [ONE] * len(names)
    mirrored = {page: "A" for page in known if page in pages_of_events}
    explored = Model(
        inbox,
        refresher,
        folder=folder,
        events=pages_of_events,
        names=names,
        limits=limits,
        known=mirrored,
    )
    explored.explore()
    print(explored.summary())
    return explored


@pytest.mark.parametrize(
    ("names", "limits", "states"),
    [
        ("BCD", Limits(), 100),
        ("BAB", Limits(expiries=1), 8_000),
        ("BAB", Limits(crashes=1), 600),
        ("BA", Limits(faults=1, unparks=1), 1_000),
        ("B", Limits(expiries=1, crashes=1, faults=1), 2_000),
    ],
    ids=["three events", "a lost lease", "a crash", "failures and parking", "all of it"],
)
def test_two_workers_end_with_the_page_as_it_is(
    tmp_path: Path, names: str, limits: Limits, states: int
) -> None:
    assert len(explore(tmp_path, names, limits).states) > states


def test_a_page_that_was_never_stored_is_safe_as_well(tmp_path: Path) -> None:
    assert len(explore(tmp_path, "BC", Limits(expiries=1), known=()).states) > 1_500


def test_pages_of_one_batch_do_not_harm_each_other(tmp_path: Path) -> None:
    explored = explore(tmp_path, "BCB", Limits(crashes=1), [ONE, TWO, ONE])
    assert len(explored.states) > 2_000


@pytest.mark.parametrize(
    ("names", "limits", "states"),
    [
        ("BA", Limits(expiries=1, crashes=1), 1_000),
        ("BA", Limits(crashes=1, late_puts=1), 1_000),
        ("BAB", Limits(crashes=1, late_puts=1), 1_000),
    ],
    ids=["it lost its lease before", "it dies in a put", "three events"],
)
def test_what_a_dead_worker_still_sends_is_found_by_the_second_look(
    tmp_path: Path, names: str, limits: Limits, states: int
) -> None:
    """Its last put may arrive after the next worker's, and nobody is left to tell of it."""
    assert len(explore(tmp_path, names, limits).states) > states


@pytest.mark.parametrize(
    ("names", "limits", "states"),
    [
        ("BA", Limits(faults=1, late_puts=1), 1_000),
        ("BC", Limits(faults=2, late_puts=1), 1_000),
        ("B", Limits(expiries=1, faults=1, late_puts=1), 1_000),
    ],
    ids=["a failure", "its second look fails, too", "it loses its lease, too"],
)
def test_a_write_that_was_given_up_and_arrives_late_is_found_by_the_second_look(
    tmp_path: Path, names: str, limits: Limits, states: int
) -> None:
    """The worker goes on, and may have written what is newer when it arrives."""
    assert len(explore(tmp_path, names, limits).states) > states


@pytest.mark.parametrize(
    ("names", "limits", "states"),
    [
        ("BA", Limits(crashes=1, alterations=1), 800),
        ("BC", Limits(faults=1, alterations=1), 600),
    ],
    ids=["a crash", "a failure"],
)
def test_a_version_that_was_altered_while_its_page_is_in_doubt_is_as_it_was(
    tmp_path: Path, names: str, limits: Limits, states: int
) -> None:
    assert len(explore(tmp_path, names, limits).states) > states


@pytest.mark.parametrize(
    ("names", "limits", "states"),
    [
        ("BA", Limits(second_tries=1), 100),
        ("BA", Limits(expiries=1, second_tries=1), 1_000),
        ("BC", Limits(faults=1, second_tries=1), 1_000),
    ],
    ids=["alone", "it loses its lease, too", "a failure, too"],
)
def test_the_first_try_of_a_put_that_arrives_after_the_second_is_found_by_the_second_look(
    tmp_path: Path, names: str, limits: Limits, states: int
) -> None:
    assert len(explore(tmp_path, names, limits).states) > states


class Unguarded(DatabaseInbox):
    """With a hand on the rows."""

    def _set(self, page: PageId, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(pages).where(pages.c.page_id == page).values(values))


class DoneUpToNow(Unguarded):
    """Finishes up to the marks of now, not of the claim."""

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        marks = self.pages()[claim.page_id].marks
        super().finish(replace(claim, marks=marks), stored)


class Flag(Unguarded):
    """Knows only whether a page is marked, not how often."""

    def record(self, batch: Sequence[Delivery]) -> None:
        super().record(batch)
        self._set(batch[0].page_ids[0], marks=pages.c.done + 1)


class NoLease(Unguarded):
    """Claims what another worker holds."""

    def claim(
        self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
    ) -> list[Claim]:
        for page in self.pages():
            self._set(page, leased_until=0.0)
        return super().claim(limit, only, store)


class NoFence(Unguarded):
    """Lets a lost lease finish."""

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        self._set(claim.page_id, lease=claim.lease)
        super().finish(claim, stored)


class Unsuspecting(Unguarded):
    """Believes in what it stored, although a lost lease says that it wrote, too."""

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        state = self.pages()[claim.page_id]
        try:
            super().finish(claim, stored)
        except LeaseLost:
            self._set(claim.page_id, marks=state.marks, suspect=0)
            raise


class Trusting(Unguarded):
    """Believes in what it stored, although the worker before died with the page in hand."""

    def claim(
        self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
    ) -> list[Claim]:
        for page in self.pages():
            if self._is_free(page):
                self._set(page, lease=None)
        return super().claim(limit, only, store)

    def _is_free(self, page: PageId) -> bool:
        until = self.pages()[page].leased_until
        return until is None or until.timestamp() <= self._now()


class Forgetting(Unguarded):
    """Believes in what it stored, although a put may have arrived that failed."""

    def retry(self, claim: Claim, at: datetime, reason: str, *, is_written: bool = False) -> None:
        super().retry(claim, at, reason)


class TrustingSecondTries(Unguarded):
    """Believes that a try that went unanswered is over once the next one succeeded."""

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        super().finish(claim, replace(stored, is_unanswered=False) if stored else None)


class LookingOnce(Unguarded):
    """Believes that a dead worker's last put has arrived when its page is taken over."""

    def claim(
        self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
    ) -> list[Claim]:
        claims = super().claim(limit, only, store)
        for claim in claims:
            self._set(claim.page_id, look_again_at=None)
        return claims


class LookingAtOnce(Unguarded):
    """Believes that what a living worker gave up has arrived when its page is read again."""

    def retry(self, claim: Claim, at: datetime, reason: str, *, is_written: bool = False) -> None:
        super().retry(claim, at, reason, is_written=is_written)
        self._set(claim.page_id, look_again_at=None)


class OffByOne(Unguarded):
    """Counts a version twice."""

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        again = replace(stored, number=stored.number + 1) if stored else None
        super().finish(claim, again)


@pytest.mark.parametrize(
    ("inbox", "names", "limits", "complaint"),
    [
        (DoneUpToNow, "BC", Limits(), "not stored as it is"),
        (Flag, "BC", Limits(), "not stored as it is"),
        (NoLease, "B", Limits(), "held by two workers"),
        (NoFence, "B", Limits(expiries=1), "lost lease was not noticed"),
        (Unsuspecting, "BA", Limits(expiries=1), "not stored as it is"),
        (Trusting, "BA", Limits(crashes=1), "not stored as it is|do not end with"),
        (Forgetting, "BA", Limits(faults=1), "not stored as it is|do not end with"),
        (LookingOnce, "BA", Limits(expiries=1, crashes=1), "not stored as it is"),
        (LookingOnce, "BA", Limits(crashes=1, late_puts=1), "not stored as it is"),
        (LookingAtOnce, "BA", Limits(faults=1, late_puts=1), "not stored as it is|do not end with"),
        (TrustingSecondTries, "BA", Limits(second_tries=1), "not stored as it is"),
        (OffByOne, "B", Limits(), "is recorded, and is not there"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_the_model_notices_a_broken_inbox(
    tmp_path: Path, inbox: type[DatabaseInbox], names: str, limits: Limits, complaint: str
) -> None:
    with pytest.raises(Violation, match=complaint):
        explore(tmp_path, names, limits, inbox=inbox)


class Gullible(Refresher):
    """Believes what the store holds, whatever the database knows of it."""

    def __init__(self, inbox: Inbox, store: ObjectStore, read_pages: ReadPages) -> None:
        super().__init__(inbox, store, read_pages)
        self._writer._check._document = lambda _page, _number: None


@pytest.mark.parametrize("limits", [Limits(crashes=1), Limits(faults=1)], ids=["crash", "failure"])
def test_the_model_notices_an_altered_version_that_is_believed(
    tmp_path: Path, limits: Limits
) -> None:
    with pytest.raises(Violation, match="is told anew|is not as it was told"):
        explore(tmp_path, "BA", replace(limits, alterations=1), refresher=Gullible)
