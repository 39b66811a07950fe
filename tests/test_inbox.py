"""The inbox: the same cases on SQLite and on PostgreSQL."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.store_address import StoreAddress
from fbsync.errors import LeaseLost
from fbsync.page import PageId
from fbsync.ports import (
    INACCESSIBLE,
    LEASE_SECONDS,
    LONGEST_PUT_SECONDS,
    Claim,
    Inbox,
    LastStored,
)
from fbsync.webhook import Delivery, VerifiedBody

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def moment(self, later: float = 0) -> datetime:
        return datetime.fromtimestamp(self.seconds + later, UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(database: Database, clock: Clock) -> Inbox:
    return DatabaseInbox(database, clock)


def delivery(*page_ids: PageId, text: str = "") -> Delivery:
    body = f"{page_ids}{text}".encode()
    digest = hashlib.sha256(body).hexdigest()
    return Delivery(digest, VerifiedBody(body), page_ids, datetime(2026, 1, 1, tzinfo=UTC))


YEAR_SECONDS = 365 * 86_400


def only(claims: list[Claim]) -> Claim:
    assert len(claims) == 1
    return claims[0]


def stored(number: int, name: str = "A") -> LastStored:
    return LastStored(number, f"digest of {name}", {"id": "1", "name": name})


def test_a_recorded_delivery_marks_each_of_its_pages(inbox: Inbox) -> None:
    inbox.record([delivery(ONE, TWO)])
    assert [(claim.page_id, claim.marks) for claim in inbox.claim(50)] == [(ONE, 1), (TWO, 1)]
    assert inbox.status().deliveries == 1


def test_recording_nothing_is_fine(inbox: Inbox) -> None:
    inbox.record([])
    assert inbox.status().deliveries == 0


def test_the_same_body_is_kept_once_and_still_marks(inbox: Inbox) -> None:
    for _ in range(3):
        inbox.record([delivery(ONE), delivery(ONE)])
    assert inbox.status().deliveries == 1
    assert only(inbox.claim(50)).marks == 3


def test_a_delivery_about_no_page_is_kept(inbox: Inbox) -> None:
    inbox.record([delivery()])
    assert inbox.status().deliveries == 1
    assert inbox.claim(50) == []


def test_a_page_is_claimed_by_one_worker_only(inbox: Inbox) -> None:
    inbox.mark([ONE], "webhook")
    only(inbox.claim(50))
    assert inbox.claim(50) == []


def test_a_claim_takes_no_more_than_its_limit_and_only_the_pages_asked_for(inbox: Inbox) -> None:
    inbox.mark([ONE, TWO, THREE], "sync")
    assert [claim.page_id for claim in inbox.claim(50, [TWO])] == [TWO]
    assert len(inbox.claim(1)) == 1
    assert len(inbox.claim(50)) == 1


def test_a_finished_page_is_not_claimed_again(inbox: Inbox) -> None:
    inbox.mark([ONE], "webhook")
    inbox.finish(only(inbox.claim(50)), stored(1))
    assert inbox.claim(50) == []
    state = inbox.pages()[ONE]
    assert (state.marks, state.done, state.leased_until) == (1, 1, None)
    assert state.last == stored(1)


def test_an_event_during_the_read_makes_the_page_claimable_again(inbox: Inbox) -> None:
    inbox.record([delivery(ONE)])
    claim = only(inbox.claim(50))
    inbox.record([delivery(ONE, text="later")])
    inbox.finish(claim, stored(1))
    again = only(inbox.claim(50))
    assert again.marks == 2
    assert again.last == stored(1)


def test_finishing_unchanged_keeps_the_last_version(inbox: Inbox) -> None:
    inbox.mark([ONE], "sync")
    inbox.finish(only(inbox.claim(50)), stored(1))
    inbox.mark([ONE], "sync")
    inbox.finish(only(inbox.claim(50)), None)
    assert inbox.pages()[ONE].last == stored(1)


def test_a_page_never_stored_is_noticed_first(inbox: Inbox) -> None:
    inbox.record([delivery(ONE)])
    claim = only(inbox.claim(50))
    assert (claim.noticed_by, claim.last) == ("first", None)


@pytest.mark.parametrize(
    ("sources", "noticed_by"),
    [
        (["webhook"], "webhook"),
        (["sync"], "sync"),
        (["webhook", "sync"], "webhook"),
        (["sync", "webhook"], "webhook"),
    ],
)
def test_an_event_counts_as_the_one_that_noticed(
    inbox: Inbox, sources: list[str], noticed_by: str
) -> None:
    inbox.mark([ONE], "webhook")
    inbox.finish(only(inbox.claim(50)), stored(1))
    for source in sources:
        inbox.mark([ONE], "sync" if source == "sync" else "webhook")
    assert only(inbox.claim(50)).noticed_by == noticed_by


def test_marking_tells_where_the_counters_stand(inbox: Inbox) -> None:
    inbox.mark([ONE], "sync")
    assert inbox.mark([ONE, TWO], "sync") == {ONE: 2, TWO: 1}
    assert inbox.mark([], "sync") == {}


def test_a_dead_workers_page_is_free_when_its_lease_has_run_out(inbox: Inbox, clock: Clock) -> None:
    inbox.mark([ONE], "webhook")
    dead = only(inbox.claim(50))
    clock.seconds += LEASE_SECONDS - 0.1
    assert inbox.claim(50) == []
    clock.seconds += 0.2
    assert only(inbox.claim(50)).lease != dead.lease


def test_the_lease_ends_before_the_promised_fifteen_seconds() -> None:
    assert LEASE_SECONDS < 15


def test_a_renewed_lease_holds_on(inbox: Inbox, clock: Clock) -> None:
    inbox.mark([ONE, TWO], "webhook")
    first, second = inbox.claim(50)
    clock.seconds += LEASE_SECONDS - 1
    assert inbox.renew(first.lease) == {ONE, TWO}
    clock.seconds += LEASE_SECONDS - 1
    assert inbox.claim(50) == []
    inbox.finish(second, None)
    assert inbox.renew(first.lease) == {ONE}


def take_over(inbox: Inbox, clock: Clock) -> tuple[Claim, Claim]:
    inbox.mark([ONE], "webhook")
    slow = only(inbox.claim(50))
    clock.seconds += LEASE_SECONDS + 1
    return slow, only(inbox.claim(50))


@pytest.mark.parametrize("order", ["slow first", "quick first"])
def test_after_a_lost_lease_the_page_is_written_again_whoever_ends_first(
    inbox: Inbox, clock: Clock, order: str
) -> None:
    slow, quick = take_over(inbox, clock)
    if order == "quick first":
        inbox.finish(quick, stored(1))
    with pytest.raises(LeaseLost):
        inbox.finish(slow, stored(1, "stale"))
    if order == "slow first":
        inbox.finish(quick, stored(1))
    again = only(inbox.claim(50))
    assert again.last is not None
    assert again.last.digest is None
    assert again.last.fields["name"] == "A"
    inbox.finish(again, stored(2))
    assert inbox.pages()[ONE].last == stored(2)
    assert inbox.claim(50) == []


@pytest.mark.parametrize(
    "act",
    [
        lambda inbox, claim: inbox.retry(claim, datetime(2030, 1, 1, tzinfo=UTC), "busy"),
        lambda inbox, claim: inbox.park(claim, "gone"),
    ],
)
def test_a_lost_lease_can_neither_put_off_nor_park(
    inbox: Inbox, clock: Clock, act: Callable[[Inbox, Claim], None]
) -> None:
    slow, _ = take_over(inbox, clock)
    with pytest.raises(LeaseLost):
        act(inbox, slow)
    state = inbox.pages()[ONE]
    assert (state.parked, state.reason) == (False, None)


def mirrored(inbox: Inbox) -> Claim:
    """A claim of a page that has a version already."""
    inbox.mark([ONE], "webhook")
    inbox.finish(only(inbox.claim(50)), stored(1))
    inbox.mark([ONE], "webhook")
    return only(inbox.claim(50))


def is_trusted(claim: Claim) -> bool:
    assert claim.last is not None
    return claim.last.digest is not None


def test_what_a_dead_worker_had_in_hand_is_not_trusted_until_the_next_finish(
    inbox: Inbox, clock: Clock
) -> None:
    assert is_trusted(mirrored(inbox))
    for _ in range(2):  # whoever takes over may die too
        clock.seconds += LEASE_SECONDS + 1
        taken_over = only(inbox.claim(50))
        assert not is_trusted(taken_over)
    inbox.retry(taken_over, clock.moment(), "It failed.")
    again = only(inbox.claim(50))
    assert not is_trusted(again)
    inbox.finish(again, None)
    inbox.mark([ONE], "webhook")
    assert is_trusted(only(inbox.claim(50)))


def test_a_page_that_was_taken_over_is_looked_at_once_more_when_no_write_can_come_any_more(
    inbox: Inbox, clock: Clock
) -> None:
    mirrored(inbox)
    inbox.mark([TWO], "sync")
    inbox.finish(only(inbox.claim(50)), stored(1))
    clock.seconds += LEASE_SECONDS + 1
    inbox.finish(only(inbox.claim(50)), stored(2))
    clock.seconds += LONGEST_PUT_SECONDS - 1
    assert inbox.claim(50) == []
    assert inbox.status().waiting == 0
    clock.seconds += 1
    assert inbox.claim(50, [TWO]) == []
    assert inbox.status().waiting == 0
    again = only(inbox.claim(50))
    assert (again.page_id, is_trusted(again)) == (ONE, False)
    assert inbox.status().waiting_since == clock.moment()
    inbox.finish(again, None)
    clock.seconds += LONGEST_PUT_SECONDS
    assert inbox.claim(50) == []


@pytest.mark.parametrize("written", [False, True])
def test_a_page_put_off_is_trusted_unless_something_was_written(
    inbox: Inbox, clock: Clock, written: bool
) -> None:
    inbox.retry(mirrored(inbox), clock.moment(), "It failed.", is_written=written)
    assert is_trusted(only(inbox.claim(50))) is not written


@pytest.mark.parametrize("written", [False, True])
def test_a_released_page_is_due_at_once_as_it_was(inbox: Inbox, written: bool) -> None:
    claim = mirrored(inbox)
    inbox.release(claim, is_written=written)
    again = only(inbox.claim(50))
    assert (again.marks, again.attempts) == (claim.marks, 0)
    assert is_trusted(again) is not written


def test_a_page_that_is_released_too_late_is_looked_at_again(inbox: Inbox, clock: Clock) -> None:
    late = mirrored(inbox)
    clock.seconds += LEASE_SECONDS + 1
    inbox.finish(only(inbox.claim(50)), stored(2))
    assert inbox.claim(50) == []
    with pytest.raises(LeaseLost):
        inbox.release(late, is_written=True)
    assert not is_trusted(only(inbox.claim(50)))


GIVEN_UP: list[Callable[[Inbox, Claim, Clock], None]] = [
    lambda inbox, claim, clock: inbox.retry(claim, clock.moment(), "no answer", is_written=True),
    lambda inbox, claim, _clock: inbox.release(claim, is_written=True),
]


@pytest.mark.parametrize("give_up", GIVEN_UP, ids=["retry", "release"])
def test_a_write_that_was_given_up_is_looked_for_again_when_it_cannot_come_any_more(
    inbox: Inbox, clock: Clock, give_up: Callable[[Inbox, Claim, Clock], None]
) -> None:
    give_up(inbox, mirrored(inbox), clock)
    inbox.finish(only(inbox.claim(50)), stored(2))
    clock.seconds += LONGEST_PUT_SECONDS - 1
    assert inbox.claim(50) == []
    clock.seconds += 1
    again = only(inbox.claim(50))
    assert not is_trusted(again)
    inbox.finish(again, None)
    clock.seconds += LONGEST_PUT_SECONDS
    assert inbox.claim(50) == []


@pytest.mark.parametrize("give_up", GIVEN_UP, ids=["retry", "release"])
def test_a_write_that_was_given_up_after_its_lease_was_lost_is_looked_for_as_well(
    inbox: Inbox, clock: Clock, give_up: Callable[[Inbox, Claim, Clock], None]
) -> None:
    slow = mirrored(inbox)
    clock.seconds += LEASE_SECONDS + 1
    inbox.finish(only(inbox.claim(50)), stored(2))
    clock.seconds += LONGEST_PUT_SECONDS - 1
    with pytest.raises(LeaseLost):
        give_up(inbox, slow, clock)
    inbox.finish(only(inbox.claim(50)), None)
    clock.seconds += LONGEST_PUT_SECONDS - 1
    assert inbox.claim(50) == []
    clock.seconds += 1
    assert not is_trusted(only(inbox.claim(50)))


@pytest.mark.parametrize("end", ["finish", "park"])
def test_a_put_of_which_one_try_went_unanswered_is_looked_at_when_that_cannot_come_any_more(
    inbox: Inbox, clock: Clock, end: str
) -> None:
    last = replace(stored(2), is_unanswered=True)
    if end == "finish":
        inbox.finish(mirrored(inbox), last)
    else:
        assert inbox.park(mirrored(inbox), "gone", last)
        inbox.unpark([ONE])
        inbox.finish(only(inbox.claim(50)), None)
    clock.seconds += LONGEST_PUT_SECONDS - 1
    assert inbox.claim(50) == []
    clock.seconds += 1
    assert not is_trusted(only(inbox.claim(50)))


def test_what_is_found_in_order_is_no_newer_than_it_was(inbox: Inbox, clock: Clock) -> None:
    first = clock.moment()
    claim = mirrored(inbox)
    clock.seconds += 5
    inbox.finish(claim, stored(1))
    assert inbox.pages()[ONE].stored_at == first


def test_a_page_put_off_comes_back_at_its_time(inbox: Inbox, clock: Clock) -> None:
    inbox.mark([ONE], "webhook")
    inbox.retry(only(inbox.claim(50)), clock.moment(60), "busy")
    assert inbox.claim(50) == []
    state = inbox.pages()[ONE]
    assert (state.reason, state.due_at, state.parked) == ("busy", clock.moment(60), False)
    clock.seconds += 61
    claim = only(inbox.claim(50))
    assert claim.attempts == 1
    inbox.finish(claim, stored(1))
    inbox.mark([ONE], "webhook")
    assert only(inbox.claim(50)).attempts == 0


@pytest.mark.parametrize("by", ["an event", "a poll"])
def test_a_page_put_off_by_a_clock_that_ran_ahead_comes_back_when_it_is_marked(
    inbox: Inbox, clock: Clock, by: str
) -> None:
    inbox.mark([ONE], "webhook")
    claim = only(inbox.claim(50))
    inbox.retry(claim, clock.moment(10 * YEAR_SECONDS), "its certificate is of the past")
    assert inbox.claim(50) == []
    if by == "an event":
        inbox.record([delivery(ONE)])
    else:
        inbox.mark([ONE], "sync")
    assert only(inbox.claim(50)).marks == 2


def test_an_event_does_not_hurry_a_page_that_was_put_off_by_facebooks_wish(
    inbox: Inbox, clock: Clock
) -> None:
    inbox.mark([ONE], "webhook")
    inbox.retry(only(inbox.claim(50)), clock.moment(86_400), "in a day")
    inbox.record([delivery(ONE)])
    assert inbox.claim(50) == []


@pytest.mark.parametrize("part", ["\0", "\ud800"])
def test_a_reason_that_no_database_takes_is_kept_without_what_it_refuses(
    inbox: Inbox, clock: Clock, part: str
) -> None:
    inbox.mark([ONE], "sync")
    inbox.retry(only(inbox.claim(50)), clock.moment(), f"It {part}failed: ä")
    kept = inbox.pages()[ONE].reason
    assert kept in ("It failed: ä", "It ?failed: ä")
    inbox.park(only(inbox.claim(50)), f"It {part}failed: ä")
    assert inbox.pages()[ONE].reason == kept


def test_a_parked_page_waits_for_a_login_and_keeps_its_marks(inbox: Inbox) -> None:
    inbox.mark([ONE], "webhook")
    inbox.park(only(inbox.claim(50)), "token refused")
    inbox.record([delivery(ONE)])
    assert inbox.claim(50) == []
    assert inbox.pages()[ONE].reason == "token refused"
    inbox.unpark([ONE, TWO])
    assert only(inbox.claim(50)).marks == 2
    assert inbox.pages()[ONE].reason is None


def test_a_refusal_from_before_an_unpark_does_not_park(inbox: Inbox) -> None:
    inbox.mark([ONE], "webhook")
    claim = only(inbox.claim(50))
    inbox.unpark([ONE])
    assert inbox.park(claim, "token refused") is False
    assert not inbox.pages()[ONE].parked
    again = only(inbox.claim(50))
    assert inbox.park(again, "token refused") is True  # by the newer token too, so that is it
    assert inbox.pages()[ONE].parked
    assert inbox.claim(50) == []


def test_a_refusal_parks_although_events_came_since_the_claim(inbox: Inbox) -> None:
    inbox.mark([ONE], "webhook")
    inbox.unpark([ONE])
    for _ in range(2):
        claim = only(inbox.claim(50))
        inbox.record([delivery(ONE, text=str(claim.marks))])
        assert inbox.park(claim, "token refused") is True
        inbox.unpark([ONE])


def test_an_unpark_asks_for_no_read_but_after_one_that_is_under_way(inbox: Inbox) -> None:
    inbox.mark([ONE, TWO], "sync")
    one, two = inbox.claim(50)
    inbox.finish(one, stored(1))
    inbox.unpark([ONE, TWO])
    inbox.finish(two, stored(1))
    assert only(inbox.claim(50)).page_id == TWO


def test_pages_are_told_for_all_or_for_some(inbox: Inbox) -> None:
    inbox.mark([ONE, TWO], "sync")
    assert set(inbox.pages()) == {ONE, TWO}
    assert set(inbox.pages([TWO, THREE])) == {TWO}
    assert inbox.pages([]) == {}


def test_the_status_counts_deliveries_pages_and_versions(inbox: Inbox) -> None:
    inbox.record([delivery(ONE, TWO), delivery(THREE)])
    one, two, _ = inbox.claim(50)
    inbox.finish(one, stored(4))
    inbox.park(two, "gone")
    status = inbox.status()
    assert (status.deliveries, status.pages, status.waiting) == (2, 3, 1)
    assert (status.parked, status.versions) == (1, 4)


def test_a_parked_page_is_managed_where_it_has_a_copy(inbox: Inbox) -> None:
    inbox.mark([ONE, TWO], "sync")
    one, two = inbox.claim(50)
    inbox.finish(one, stored(1))
    inbox.mark([ONE], "sync")
    (again,) = inbox.claim(50, [ONE])
    for claim in (again, two):
        inbox.park(claim, "gone")
    assert (inbox.status().parked, inbox.status().parked_managed) == (2, 1)


def test_an_empty_inbox_counts_nothing(inbox: Inbox) -> None:
    status = inbox.status()
    assert (status.deliveries, status.pages, status.waiting, status.versions) == (0, 0, 0, 0)


def test_texts_of_every_kind_survive_the_database(inbox: Inbox) -> None:
    fields = {"id": "1", "name": "Café ☕ \ud83d \x00 'quoted'", "hours": {"mon_1_open": "09:00"}}
    inbox.mark([ONE], "sync")
    inbox.finish(only(inbox.claim(50)), LastStored(1, "d", fields))
    last = inbox.pages()[ONE].last
    assert last is not None
    assert last.fields == fields


def test_a_thousand_pages_are_marked_and_told_in_one_go(inbox: Inbox) -> None:
    many = [PageId(str(number)) for number in range(2500)]
    assert len(inbox.mark(many, "sync")) == 2500
    assert len(inbox.pages(many)) == 2500
    inbox.unpark(many)


def test_many_threads_claim_each_page_exactly_once(database: Database) -> None:
    inbox = DatabaseInbox(database)
    inbox.mark([PageId(str(number)) for number in range(100)], "sync")
    claimed: list[PageId] = []

    def work() -> None:
        while claims := inbox.claim(7):
            for claim in claims:
                claimed.append(claim.page_id)
                inbox.finish(claim, None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A worker that finds all rows locked by others may stop early; the last one never does.
    assert sorted(claimed) == sorted(str(number) for number in range(100))


def test_many_threads_record_without_losing_a_mark(database: Database) -> None:
    inbox = DatabaseInbox(database)

    def work(name: str) -> None:
        for number in range(10):
            inbox.record([delivery(ONE, TWO, text=f"{name} {number}")])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inbox.status().deliveries == 40
    assert inbox.pages()[ONE].marks == 40


def test_a_claim_is_due_oldest_first(inbox: Inbox, clock: Clock) -> None:
    inbox.mark([ONE, TWO], "sync")
    for claim in inbox.claim(50):
        later = timedelta(seconds=20 if claim.page_id == ONE else 10)
        inbox.retry(claim, clock.moment() + later, "busy")
    clock.seconds += 30
    assert [claim.page_id for claim in inbox.claim(50)] == [TWO, ONE]


def test_who_waits_longest_comes_first_so_that_no_page_is_passed_over_for_ever(
    inbox: Inbox, clock: Clock
) -> None:
    inbox.mark([ONE, TWO, THREE], "webhook")
    served = []
    for _ in range(6):
        clock.seconds += 1
        claim = only(inbox.claim(1))
        served.append(claim.page_id)
        inbox.mark([claim.page_id], "webhook")  # an event during each read: one is always due
        inbox.finish(claim, None)
    assert served == [ONE, TWO, THREE] * 2


def test_the_times_of_the_last_event_and_of_the_last_version_are_kept(
    inbox: Inbox, clock: Clock
) -> None:
    inbox.mark([ONE], "sync")
    assert inbox.pages()[ONE].last_event_at is None
    inbox.finish(only(inbox.claim(50)), stored(1))
    written = clock.moment()
    clock.seconds += 60
    inbox.record([delivery(ONE)])
    inbox.finish(only(inbox.claim(50)), None)
    state = inbox.pages()[ONE]
    assert (state.stored_at, state.last_event_at) == (written, clock.moment())


def test_mirrored_are_the_pages_of_which_a_version_is_stored(inbox: Inbox) -> None:
    inbox.mark([ONE, TWO], "webhook")
    for claim in inbox.claim(50):
        inbox.finish(claim, stored(1) if claim.page_id == TWO else None)
    assert inbox.mirrored() == {TWO}


class TestDigests:
    def test_are_those_of_the_newest_versions(self, inbox: Inbox) -> None:
        inbox.mark([ONE, TWO], "sync")
        one, two = inbox.claim(50)
        inbox.finish(one, stored(3))
        inbox.finish(two, None)
        assert inbox.digests([ONE, TWO, THREE]) == {ONE: stored(3).digest}

    def test_leave_out_a_parked_page(self, inbox: Inbox) -> None:
        inbox.mark([ONE], "sync")
        inbox.park(only(inbox.claim(50)), "gone", stored(1))
        assert inbox.digests([ONE]) == {}
        inbox.unpark([ONE])
        assert inbox.digests([ONE]) == {ONE: stored(1).digest}

    def test_leave_out_a_page_that_the_store_may_hold_otherwise(
        self, inbox: Inbox, clock: Clock
    ) -> None:
        inbox.mark([ONE], "sync")
        inbox.finish(only(inbox.claim(50)), stored(1))
        inbox.mark([ONE], "sync")
        inbox.retry(only(inbox.claim(50)), clock.moment(), "lost answer", is_written=True)
        assert inbox.digests([ONE]) == {}

    def test_are_none_after_a_move_to_another_store(self, inbox: Inbox, database: Database) -> None:
        StoreAddress(database).move_to("/here")
        inbox.mark([ONE], "sync")
        inbox.finish(only(inbox.claim(50)), stored(1))
        StoreAddress(database).move_to("/there")
        assert inbox.digests([ONE]) == {}

    def test_are_told_of_many_pages_at_once(self, inbox: Inbox) -> None:
        many = [PageId(str(number)) for number in range(1200)]
        inbox.mark(many, "sync")
        while claims := inbox.claim(400):
            for claim in claims[:1]:
                inbox.finish(claim, stored(1))
            for claim in claims[1:]:
                inbox.finish(claim, None)
        assert len(inbox.digests(many)) == 3


def test_a_page_is_held_whether_a_read_is_due_or_not_and_parked_or_not(inbox: Inbox) -> None:
    inbox.mark([ONE, TWO], "sync")
    one, two = inbox.claim(50)
    inbox.finish(one, stored(3))
    inbox.park(two, "gone")
    before = inbox.pages()
    held = inbox.hold([ONE, TWO, THREE])
    assert [(claim.page_id, claim.last) for claim in held] == [(ONE, stored(3)), (TWO, None)]
    assert {claim.lease for claim in held} == {held[0].lease}
    for claim in held:
        inbox.release(claim, is_written=False)
    assert inbox.pages() == before


def test_a_page_that_a_worker_has_in_hand_is_not_held(inbox: Inbox) -> None:
    inbox.mark([ONE], "sync")
    claim = only(inbox.claim(50))
    assert inbox.hold([ONE]) == []
    inbox.finish(claim, stored(1))
    assert only(inbox.hold([ONE])).last == stored(1)


def test_a_page_that_is_held_is_claimed_once_it_is_given_back(inbox: Inbox) -> None:
    inbox.mark([ONE], "sync")
    held = only(inbox.hold([ONE]))
    inbox.record([delivery(ONE)])
    assert inbox.claim(50) == []
    inbox.release(held, is_written=False)
    assert only(inbox.claim(50)).marks == 2


def test_who_held_a_page_and_died_is_taken_over_like_a_worker(inbox: Inbox, clock: Clock) -> None:
    inbox.mark([ONE], "sync")
    inbox.finish(only(inbox.claim(50)), stored(1))
    lost = only(inbox.hold([ONE]))
    clock.seconds += LEASE_SECONDS + 1
    inbox.mark([ONE], "sync")
    claim = only(inbox.claim(50))
    assert claim.last is not None
    assert claim.last.digest is None
    with pytest.raises(LeaseLost):
        inbox.release(lost, is_written=False)
    inbox.finish(claim, stored(2))
    clock.seconds += LONGEST_PUT_SECONDS + 1
    assert only(inbox.claim(50)).last == LastStored(2, None, stored(2).fields)


def test_the_bytes_of_a_version_are_kept_with_its_finish_or_its_parking(
    inbox: Inbox,
) -> None:
    inbox.mark([ONE], "sync")
    claim = only(inbox.claim(50))
    inbox.finish(claim, replace(stored(2), documents={1: b"first", 2: b"second"}))
    assert [inbox.document(ONE, number) for number in (1, 2, 3)] == [b"first", b"second", None]
    inbox.mark([ONE], "webhook")
    claim = only(inbox.claim(50))
    stone = LastStored(3, INACCESSIBLE, claim.last.fields if claim.last else {}, {3: b"stone"})
    assert inbox.park(claim, "gone", stone) is True
    assert (inbox.document(ONE, 3), inbox.pages()[ONE].last) == (b"stone", stone)


def test_a_lost_lease_keeps_no_bytes(inbox: Inbox, clock: Clock) -> None:
    inbox.mark([ONE], "sync")
    lost = only(inbox.claim(50))
    clock.seconds += LEASE_SECONDS + 1
    inbox.claim(50)
    with pytest.raises(LeaseLost):
        inbox.finish(lost, replace(stored(1), documents={1: b"stale"}))
    assert inbox.document(ONE, 1) is None
