"""The inbox against a small model of itself, in schedules that Hypothesis makes up.

The model beside it knows only what a user is promised: which pages are due, in whose hands they
are, and that a delivery is handled once a claim that came after it was finished.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from fbsync.database.delivery_state import state
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import deliveries, delivery_pages, pages
from fbsync.errors import LeaseLost
from fbsync.page import PageId
from fbsync.ports import LEASE_SECONDS, LONGEST_PUT_SECONDS, Claim, LastStored
from fbsync.webhook import Delivery, VerifiedBody

IDS = [PageId(name) for name in ("1", "2", "10")]
BODIES = [(IDS[0],), (IDS[1],), (IDS[2], IDS[0]), (IDS[0], IDS[1], IDS[2]), (IDS[0],), ()]
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)

some_pages = st.lists(st.sampled_from(IDS), unique=True)


@dataclass
class Page:
    """What is promised of one page. Times are seconds, `None` where there is none."""

    marks: int = 0
    done: int = 0
    due_at: float = 0.0
    attempts: int = 0
    lease: str | None = None
    leased_until: float = 0.0
    parked: bool = False
    reason: str | None = None
    unparked: int = 0
    number: int = 0
    name: str | None = None
    suspect: int = 0  # up to this mark, the store may hold something else
    waiting_since: float = 0.0
    look_again_at: float | None = None

    def is_due(self, now: float) -> bool:
        # A lease that ends so late is of a clock that was set back since.
        is_free = self.leased_until <= now or self.leased_until > now + 2 * LEASE_SECONDS
        return self.marks > self.done and is_free and self.due_at <= now and not self.parked

    def doubt(self) -> None:
        self.marks += 1
        self.suspect = self.marks


@dataclass(frozen=True)
class Held:
    """A claim, and when in the schedule it was made."""

    claim: Claim
    at: int


class InboxMachine(RuleBasedStateMachine):
    claims: Bundle[Held] = Bundle("claims")

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.now = 1_000_000.0
        self.inbox = DatabaseInbox(database, lambda: self.now)
        with database.write() as connection:
            for table in (delivery_pages, deliveries, pages):
                connection.execute(delete(table))
        self.pages: dict[PageId, Page] = {}
        self.recorded: dict[int, int] = {}  # body: when it was recorded last
        self.finished: dict[PageId, int] = {}  # page: when the newest claim of a finish was made
        self.step = 0

    @rule(batch=st.lists(st.sampled_from(range(len(BODIES))), max_size=4))
    def record(self, batch: list[int]) -> None:
        self.step += 1
        self.inbox.record([delivery(body) for body in batch])
        for body in set(batch):
            self.recorded[body] = self.step
            for page in BODIES[body]:
                self._mark(page)

    @rule(page_ids=some_pages)
    def mark(self, page_ids: list[PageId]) -> None:
        found = self.inbox.mark(page_ids, "sync")
        for page in page_ids:
            self._mark(page)
        assert found == {page: self.pages[page].marks for page in page_ids}

    @rule(target=claims, limit=st.integers(1, 3), only=st.none() | some_pages)
    def claim(self, limit: int, only: list[PageId] | None) -> Any:
        self.step += 1
        for name in self.pages if only is None else set(only) & self.pages.keys():
            self._look_again(name)
        due = [name for name, page in self.pages.items() if page.is_due(self.now)]
        asked = [name for name in due if only is None or name in only]
        wanted = sorted(asked, key=self._turn)[:limit]
        made = self.inbox.claim(limit, only)
        assert [claim.page_id for claim in made] == wanted
        for claim in made:
            self._take(self.pages[claim.page_id], claim)
        return multiple(*(Held(claim, self.step) for claim in made))

    @rule(held=claims)
    def renew(self, held: Held) -> None:
        lease = held.claim.lease
        mine = {name: page for name, page in self.pages.items() if page.lease == lease}
        assert self.inbox.renew(lease) == set(mine)
        for page in mine.values():
            page.leased_until = self.now + LEASE_SECONDS

    @rule(held=consumes(claims), is_changed=st.booleans())
    def finish(self, held: Held, is_changed: bool) -> None:
        page, claim = self.pages[held.claim.page_id], held.claim
        is_changed |= claim.last is None or claim.last.digest is None
        name = f"as at step {held.at}" if is_changed else page.name
        stored = last(page.number + 1, name) if is_changed else None
        if self._gives_back(page, lambda: self.inbox.finish(claim, stored), claim):
            page.done, page.due_at, page.attempts = claim.marks, 0.0, 0
            page.reason = page.reason if page.parked else None
            page.number, page.name = page.number + is_changed, name
            page.waiting_since = self.now
            self.finished[claim.page_id] = held.at

    @rule(held=consumes(claims), seconds=st.sampled_from([1, 20]), is_written=st.booleans())
    def retry(self, held: Held, seconds: int, is_written: bool) -> None:
        page, claim = self.pages[held.claim.page_id], held.claim
        at = datetime.fromtimestamp(self.now + seconds, UTC)
        is_ours = self._gives_back(
            page, lambda: self.inbox.retry(claim, at, "busy", is_written=is_written), claim
        )
        if is_written:
            page.look_again_at = self.now + LONGEST_PUT_SECONDS
        if is_ours:
            page.due_at, page.attempts = self.now + seconds, claim.attempts + 1
            page.reason = page.reason if page.parked else "busy"
            page.suspect = page.marks if is_written else page.suspect

    @rule(held=consumes(claims))
    def park(self, held: Held) -> None:
        page, claim = self.pages[held.claim.page_id], held.claim
        answers: list[bool] = []
        if self._gives_back(page, lambda: answers.append(self.inbox.park(claim, "gone")), claim):
            page.reason = page.reason if page.parked else "gone"
            page.parked |= page.unparked <= claim.marks
            assert answers == [page.parked]

    @rule(page_ids=some_pages)
    def unpark(self, page_ids: list[PageId]) -> None:
        self.inbox.unpark(page_ids)
        for page in (self.pages[name] for name in page_ids if name in self.pages):
            page.parked, page.reason, page.due_at, page.attempts = False, None, 0.0, 0
            if page.lease is not None:
                page.marks += 1
                page.unparked = page.marks

    @rule(seconds=st.sampled_from([0.5, 5.0, LEASE_SECONDS + 1, 60.0, 300.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=st.sampled_from([5.0, 3600.0]))
    def clock_is_set_back(self, seconds: float) -> None:
        self.now -= seconds

    @invariant()
    def every_page_is_as_promised(self) -> None:
        found = self.inbox.pages()
        assert found.keys() == self.pages.keys()
        for name, page in self.pages.items():
            told = found[name]
            assert (told.marks, told.done) == (page.marks, page.done)
            assert (told.parked, told.reason) == (page.parked, page.reason)
            assert (told.due_at, told.leased_until) == (
                moment(page.due_at),
                moment(page.leased_until),
            )
            assert told.last == page_last(page)

    @invariant()
    def the_status_counts_them(self) -> None:
        status = self.inbox.status()
        waiting = [p for p in self.pages.values() if p.marks > p.done and not p.parked]
        leased = [p for p in waiting if p.leased_until > self.now]
        assert (status.deliveries, status.pages) == (len(self.recorded), len(self.pages))
        assert (status.waiting, status.leased) == (len(waiting), len(leased))
        assert status.parked == sum(page.parked for page in self.pages.values())
        assert status.versions == sum(page.number for page in self.pages.values())
        assert status.events == sum(page.marks - page.done for page in waiting)
        oldest = min((page.waiting_since for page in waiting), default=0.0)
        assert status.waiting_since == moment(oldest)

    @invariant()
    def a_delivery_is_handled_once_a_later_claim_of_each_page_was_finished(self) -> None:
        query = select(deliveries.c.digest, state)
        with self.database.read() as connection:
            found = {row.digest: row[1] for row in connection.execute(query)}
        assert found == {digest(body): self._state(body) for body in self.recorded}

    def _state(self, body: int) -> str:
        at = self.recorded[body]
        unread = [page for page in BODIES[body] if self.finished.get(page, 0) <= at]
        if any(self.pages[page].parked for page in unread):
            return "failed"
        return "waiting" if unread else "handled"

    def _turn(self, name: PageId) -> tuple[float, float, PageId]:
        page = self.pages[name]
        return page.due_at, page.waiting_since, name

    def _mark(self, name: PageId) -> None:
        page = self.pages.setdefault(name, Page())
        if page.marks == page.done:
            page.waiting_since = self.now
        page.marks += 1

    def _look_again(self, name: PageId) -> None:
        page = self.pages[name]
        if page.look_again_at is not None and page.look_again_at <= self.now:
            self._mark(name)
            page.suspect, page.look_again_at = page.marks, None

    def _take(self, page: Page, claim: Claim) -> None:
        is_taken_over = page.lease is not None
        if is_taken_over:
            page.suspect, page.look_again_at = page.marks, self.now + LONGEST_PUT_SECONDS
        assert (claim.marks, claim.attempts) == (page.marks, page.attempts)
        assert claim.last == (last(page.number, page.name) if page.number else None) or (
            claim.last is not None and claim.last.digest is None and page.suspect > page.done
        )
        page.lease, page.leased_until = claim.lease, self.now + LEASE_SECONDS

    def _gives_back(self, page: Page, act: Any, claim: Claim) -> bool:
        """Whether the lease was still ours; if not, nothing may change but the doubt."""
        if page.lease != claim.lease:
            with pytest.raises(LeaseLost):
                act()
            page.doubt()
            return False
        act()
        page.lease, page.leased_until = None, 0.0
        return True


def digest(body: int) -> str:
    return hashlib.sha256(f"body {body}".encode()).hexdigest()


def delivery(body: int) -> Delivery:
    text = VerifiedBody(f"body {body}".encode())
    return Delivery(digest(body), text, BODIES[body], MOMENT)


def last(number: int, name: str | None) -> LastStored:
    return LastStored(number, f"digest of {name}", {"name": name})


def page_last(page: Page) -> LastStored | None:
    if not page.number:
        return None
    stored = last(page.number, page.name)
    is_trusted = page.suspect <= page.done
    return stored if is_trusted else LastStored(stored.number, None, stored.fields)


def moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def run(make: Callable[[], InboxMachine], examples: settings) -> None:
    run_state_machine_as_test(make, settings=examples)  # type: ignore[arg-type]  # a factory will do


def test_the_inbox_keeps_its_promises_in_any_order_of_calls(database: Database) -> None:
    many = settings(max_examples=30, stateful_step_count=40)
    run(lambda: InboxMachine(database), many)


class DoneUpToNow(DatabaseInbox):
    """Finishes whatever came during the read, too."""

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        marks = self.pages()[claim.page_id].marks
        super().finish(replace(claim, marks=marks), stored)


class BrokenMachine(InboxMachine):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.inbox = DoneUpToNow(database, lambda: self.now)


def test_the_machine_notices_a_mark_that_is_lost(tmp_path: Path) -> None:
    # The first failure is enough: to look for a shorter one takes minutes.
    quick = settings(max_examples=60, phases=[Phase.generate], report_multiple_bugs=False)
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    with pytest.raises(AssertionError):
        run(lambda: BrokenMachine(database), quick)
    database.close()
