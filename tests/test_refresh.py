"""The second half of the hallway, on a real database and a real store."""

import json
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from threading import Barrier
from typing import Self

import pytest

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.errors import (
    DatabaseUnavailable,
    FbsyncError,
    GraphUnavailable,
    NoAccess,
    PageGone,
    PermanentFailure,
    RateLimited,
    StoreUnavailable,
    TemporaryFailure,
    TokenRefused,
)
from fbsync.hallway.refresh import CLAIM_LIMIT, UPLOAD_THREADS, Outcome, Refresher
from fbsync.page import FieldChange, PageId, PageSnapshot, canonical_json
from fbsync.ports import LONGEST_PUT_SECONDS, Claim, LastStored, history_key, page_key
from fbsync.store.directory import DirectoryStore
from fbsync.webhook import Delivery, VerifiedBody
from tests.buckets import keys_in
from tests.hallway import DEADLINE, FETCHED, ONE, THREE, TWO, Clock, FailingInbox, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


def kinds(outcomes: Collection[Outcome]) -> dict[PageId, str]:
    return {outcome.page_id: outcome.kind for outcome in outcomes}


def history(world: World) -> list[str | None]:
    """The name in each version of page 1; None in a tombstone."""
    bodies = [world.store.get(key) for key in keys_in(world.store, "1/history/")]
    snapshots = [json.loads(body or b"")["snapshot"] for body in bodies]
    return [snapshot and snapshot["name"] for snapshot in snapshots]


def named(name: str) -> dict[str, object]:
    return {"id": "1", "name": name}


def test_nothing_is_read_where_no_page_is_marked(world: World) -> None:
    assert world.refresh() == []
    assert world.facebook.asked == []


def test_a_page_seen_for_the_first_time_is_stored_as_version_one(world: World) -> None:
    world.see(ONE, name="Bakery")
    outcome = world.refresh_one()
    assert outcome.kind == "stored"
    assert outcome.version is not None
    assert outcome.version.number == 1
    assert world.document(page_key(ONE)) == {"id": "1", "name": "Bakery"}
    assert world.document(history_key(ONE, 1)) == {
        "page_id": "1",
        "number": 1,
        "fetched_at": "2026-03-01T12:00:00.000+00:00",
        "graph_version": "v26.0",
        "noticed_by": "first",
        "changes": [
            {"field": "id", "before": None, "after": "1"},
            {"field": "name", "before": None, "after": "Bakery"},
        ],
        "snapshot": {"id": "1", "name": "Bakery"},
    }


def test_an_outcome_names_the_event_that_asked_for_it(world: World) -> None:
    world.see(ONE, name="Bakery")
    world.facebook.pages[TWO] = NoAccess("No token.")
    digest = "0123456789abcdef" * 4
    world.inbox.record([Delivery(digest, VerifiedBody(b"{}"), (ONE, TWO), FETCHED)])
    assert [(outcome.kind, outcome.event) for outcome in world.refresh()] == [
        ("stored", "0123456789abcdef"),
        ("parked", "0123456789abcdef"),
    ]


def test_a_changed_page_gets_the_next_version_with_what_changed(world: World) -> None:
    world.see(ONE, name="Bakery", about="Bread")
    world.refresh()
    world.see(ONE, name="Bakery", phone="123")
    outcome = world.refresh_one()
    assert outcome.version is not None
    assert outcome.version.number == 2
    assert outcome.version.noticed_by == "webhook"
    assert outcome.version.changes == (
        FieldChange("about", "Bread", None),
        FieldChange("phone", None, "123"),
    )
    assert world.document(page_key(ONE)) == {"id": "1", "name": "Bakery", "phone": "123"}
    assert world.inbox.pages()[ONE].last == LastStored(
        2, outcome.version.snapshot.digest, {"id": "1", "name": "Bakery", "phone": "123"}
    )


def test_versions_count_up_without_a_gap(world: World) -> None:
    for name in ("Bakery", "Baker", "Baker", "Bakery", "Butcher"):
        world.see(ONE, name=name)
        world.refresh()
    assert keys_in(world.store, "1/history/") == [history_key(ONE, n) for n in range(1, 5)]
    assert world.inbox.status().versions == 4


def test_an_unchanged_page_is_not_written_and_not_due_any_more(world: World) -> None:
    world.see(ONE, name="Bakery")
    world.refresh()
    puts = list(world.store.puts)
    world.see(ONE, name="Bakery")
    assert world.refresh() == [Outcome(ONE, "unchanged")]
    assert world.store.puts == puts
    assert world.refresh() == []


def test_what_is_volatile_makes_no_version_and_comes_along_with_the_next(world: World) -> None:
    world.see(ONE, name="Bakery", fan_count=1)
    world.refresh()
    world.see(ONE, name="Bakery", fan_count=2)
    assert kinds(world.refresh()) == {ONE: "unchanged"}
    assert world.document(page_key(ONE)) == {"id": "1", "name": "Bakery", "fan_count": 1}
    world.see(ONE, name="Butcher", fan_count=3)
    version = world.refresh_one().version
    assert version is not None
    assert version.changes == (FieldChange("name", "Bakery", "Butcher"),)
    assert world.document(page_key(ONE)) == {"id": "1", "name": "Butcher", "fan_count": 3}


def test_history_is_written_before_the_page_itself(world: World) -> None:
    world.see(ONE, name="Bakery")
    world.refresh()
    assert world.store.puts == [history_key(ONE, 1), page_key(ONE)]


def test_one_request_reads_all_pages_up_to_the_limit(world: World) -> None:
    for number in range(1, CLAIM_LIMIT + 2):
        world.see(PageId(str(number)), name="Bakery")
    assert len(world.refresh()) == CLAIM_LIMIT
    assert len(world.refresh()) == 1
    assert [len(asked) for asked in world.facebook.asked] == [CLAIM_LIMIT, 1]


def test_a_refresh_of_some_pages_leaves_the_others_marked(world: World) -> None:
    world.see(ONE, name="Bakery")
    world.see(TWO, name="Butcher")
    refresher = Refresher(world.inbox, world.store, world.facebook.read_pages)
    assert kinds(refresher.refresh([TWO])) == {TWO: "stored"}
    assert kinds(world.refresh()) == {ONE: "stored"}


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (GraphUnavailable("It failed."), "put off"),
        (RateLimited("Wait."), "put off"),
        (TokenRefused("Expired."), "parked"),
        (PageGone("Gone."), "parked"),
        (NoAccess("No token."), "parked"),
    ],
)
def test_one_bad_page_does_not_hold_up_the_others(
    world: World, failure: TemporaryFailure | PermanentFailure, kind: str
) -> None:
    for page in (ONE, TWO, THREE):
        world.see(page, name="Bakery")
    world.facebook.pages[TWO] = failure
    outcomes = world.refresh()
    assert kinds(outcomes) == {ONE: "stored", TWO: kind, THREE: "stored"}
    assert outcomes[1].reason == str(failure)
    assert world.inbox.pages()[TWO].reason == str(failure)
    assert world.document(page_key(TWO)) is None


def test_a_parked_page_waits_until_somebody_unparks_it(world: World) -> None:
    world.see(ONE, name="Bakery")
    world.facebook.pages[ONE] = TokenRefused("Expired.")
    world.refresh()
    world.clock.seconds += 365 * 86400
    world.see(ONE, name="Bakery")
    assert world.refresh() == []
    world.inbox.unpark([ONE])
    assert kinds(world.refresh()) == {ONE: "stored"}


def test_a_login_during_a_read_with_the_old_token_has_the_page_read_once_more(world: World) -> None:
    def log_in() -> None:
        world.facebook.before_answer = lambda: None
        world.inbox.unpark([ONE])

    world.see(ONE, name="Bakery")
    world.facebook.pages[ONE] = TokenRefused("Expired.")
    world.facebook.before_answer = log_in
    outcome = world.refresh_one()
    assert (outcome.kind, outcome.reason) == ("put off", "Expired.")
    assert outcome.retry_at is not None
    world.facebook.pages[ONE] = {"id": "1", "name": "Bakery"}
    assert kinds(world.refresh()) == {ONE: "stored"}


def test_a_page_that_is_put_off_is_due_again_at_the_time_that_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.refresh.datetime", frozen_at(world.clock))
    wish = world.clock.moment() + timedelta(hours=2)
    world.see(ONE, name="Bakery")
    world.facebook.pages[ONE] = RateLimited("Wait.", retry_at=wish)
    assert world.refresh_one().retry_at == wish
    world.see(ONE, name="Bakery")
    world.clock.seconds = wish.timestamp() - 1
    assert world.refresh() == []
    world.clock.seconds = wish.timestamp()
    assert kinds(world.refresh()) == {ONE: "stored"}
    assert world.inbox.pages()[ONE].reason is None


def frozen_at(clock: Clock) -> type[datetime]:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(clock.seconds, tz)

    return Frozen


def test_the_wait_doubles_with_each_failure_up_to_a_quarter_of_an_hour(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.refresh.datetime", frozen_at(world.clock))
    world.see(ONE)
    world.facebook.pages[ONE] = GraphUnavailable("It failed.")
    for longest in (2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        at = world.refresh_one().retry_at
        assert at is not None
        waited = (at - world.clock.moment()).total_seconds()
        # Half of it is random, to spread the load; a microsecond is lost to rounding.
        assert longest / 2 - 0.001 <= waited <= longest + 0.001
        assert world.refresh() == []
        world.clock.seconds = at.timestamp()


def test_the_wait_begins_anew_after_a_success(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.refresh.datetime", frozen_at(world.clock))
    world.see(ONE)
    for good in (False, False, False, True, False):
        world.facebook.pages[ONE] = {"id": "1"} if good else GraphUnavailable("It failed.")
        world.inbox.mark([ONE], "webhook")
        outcome = world.refresh_one()
        if outcome.retry_at is not None:
            waited = (outcome.retry_at - world.clock.moment()).total_seconds()
            world.clock.seconds = outcome.retry_at.timestamp()
    assert waited <= 2.001


@pytest.mark.parametrize(
    "failure",
    [
        GraphUnavailable("Facebook cannot be reached."),
        TokenRefused("The app's own token is refused."),
        NoAccess("The vault does not open."),
    ],
)
def test_a_request_that_fails_as_a_whole_parks_no_page(world: World, failure: FbsyncError) -> None:
    def fail() -> None:
        raise failure

    world.see(ONE, name="Bakery")
    world.see(TWO, name="Butcher")
    world.facebook.before_answer = fail
    outcomes = world.refresh()
    assert kinds(outcomes) == {ONE: "put off", TWO: "put off"}
    assert {outcome.reason for outcome in outcomes} == {str(failure)}


def test_a_wish_in_the_past_is_no_reason_to_spin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.refresh.datetime", frozen_at(world.clock))
    world.see(ONE, name="Bakery")
    past = world.clock.moment() - timedelta(hours=1)
    world.facebook.pages[ONE] = RateLimited("Wait.", retry_at=past)
    assert world.refresh_one().retry_at == world.clock.moment() + timedelta(seconds=1)
    assert world.refresh() == []


def test_the_wish_of_a_request_that_fails_as_a_whole_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.refresh.datetime", frozen_at(world.clock))
    wish = world.clock.moment() + timedelta(minutes=7)

    def fail() -> None:
        raise RateLimited("Wait.", retry_at=wish)

    world.see(ONE, name="Bakery")
    world.facebook.before_answer = fail
    assert world.refresh_one().retry_at == wish


def test_a_page_left_out_of_the_answer_is_put_off(world: World) -> None:
    world.see(ONE, name="Bakery")
    world.see(TWO, name="Butcher")
    del world.facebook.pages[ONE]
    assert kinds(world.refresh()) == {ONE: "put off", TWO: "stored"}


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(("nth", "versions"), [(1, ["Baker"]), (2, ["Bakery", "Baker"])])
def test_a_write_that_is_tried_again_goes_on_after_what_was_stored(
    world: World, nth: int, versions: list[str]
) -> None:
    world.see(ONE, name="Bakery")
    world.store.before_put[nth] = raising(StoreUnavailable("The disk is full."))
    outcome = world.refresh_one()
    assert (outcome.kind, outcome.reason) == ("put off", "The disk is full.")
    assert outcome.retry_at is not None
    world.facebook.pages[ONE] = {"id": "1", "name": "Baker"}
    world.clock.seconds = outcome.retry_at.timestamp()
    assert world.refresh_one().kind == "stored"
    assert world.document(page_key(ONE)) == named("Baker")
    assert history(world) == versions


def test_a_store_that_fails_for_one_page_still_takes_the_others(world: World) -> None:
    for page in (ONE, TWO, THREE):
        world.see(page, name="Bakery")
    world.store.before_put[1] = raising(StoreUnavailable("It failed."))
    assert sorted(kinds(world.refresh()).values()) == ["put off", "stored", "stored"]


def test_a_mark_raised_during_the_read_makes_the_page_claimable_again(world: World) -> None:
    def mark_again() -> None:
        world.inbox.mark([ONE], "webhook")

    world.see(ONE, name="Bakery")
    world.facebook.before_answer = mark_again
    world.refresh()
    world.facebook.before_answer = lambda: None
    world.facebook.pages[ONE] = {"id": "1", "name": "Baker"}
    assert world.refresh_one().kind == "stored"
    assert world.document(page_key(ONE)) == {"id": "1", "name": "Baker"}


class CrashingInbox(DatabaseInbox):
    """Dies at claim or finish, before or after the rows are written."""

    def __init__(self, database: Database, clock: Clock, point: str) -> None:
        super().__init__(database, clock)
        self._point = point

    def claim(
        self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
    ) -> list[Claim]:
        self._crash_at("before the claim")
        claims = super().claim(limit, only, store)
        self._crash_at("after the claim")
        return claims

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        self._crash_at("before the finish")
        super().finish(claim, stored)
        self._crash_at("after the finish")

    def _crash_at(self, point: str) -> None:
        if point == self._point:
            raise KeyboardInterrupt


def crash(world: World, point: str) -> None:
    """One pass that dies at the point, as a killed process would."""
    puts = len(world.store.puts)
    dies = raising(KeyboardInterrupt())
    if point == "in the read":
        world.facebook.before_answer = dies
    elif point == "before the history":
        world.store.before_put[puts + 1] = dies
    elif point == "between the history and the page":
        world.store.before_put[puts + 2] = dies
    with pytest.raises(KeyboardInterrupt):
        world.refresh(CrashingInbox(world.database, world.clock, point))
    world.facebook.before_answer = lambda: None
    world.store.before_put.clear()


@pytest.mark.parametrize("earlier_versions", [0, 1])
@pytest.mark.parametrize(
    "point",
    [
        "before the claim",
        "after the claim",
        "in the read",
        "before the history",
        "between the history and the page",
        "before the finish",
        "after the finish",
    ],
)
def test_after_a_crash_at_any_door_the_next_worker_ends_with_the_right_objects(
    world: World, tmp_path: Path, point: str, earlier_versions: int
) -> None:
    if earlier_versions:
        world.see(ONE, name="Before")
        world.refresh()
    world.see(ONE, name="Now")
    crash(world, point)
    world.database.close()

    world.clock.let_leases_run_out()
    world.database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    world.inbox = DatabaseInbox(world.database, world.clock)
    assert kinds(world.refresh()) == ({} if point == "after the finish" else {ONE: "stored"})

    newest = earlier_versions + 1
    histories = [history_key(ONE, number) for number in range(1, newest + 1)]
    assert keys_in(world.store) == [*histories, page_key(ONE)]
    assert world.document(page_key(ONE)) == {"id": "1", "name": "Now"}
    version = world.document(history_key(ONE, newest))
    assert isinstance(version, dict)
    assert version["number"] == newest
    assert version["changes"][-1] == {
        "field": "name",
        "before": "Before" if earlier_versions else None,
        "after": "Now",
    }
    last = world.inbox.pages()[ONE].last
    assert last is not None
    assert last.number == newest
    assert world.refresh() == []


def test_a_crash_after_the_writes_is_repaired_although_the_page_is_again_as_before(
    world: World,
) -> None:
    world.see(ONE, name="A")
    world.refresh()
    world.see(ONE, name="B")
    crash(world, "before the finish")
    world.facebook.pages[ONE] = {"id": "1", "name": "A"}
    world.clock.let_leases_run_out()
    assert kinds(world.refresh()) == {ONE: "stored"}
    assert world.document(page_key(ONE)) == {"id": "1", "name": "A"}
    assert history(world) == ["A", "B", "A"]


def test_a_failed_write_is_repaired_although_the_page_is_again_as_before(world: World) -> None:
    world.see(ONE, name="A")
    world.refresh()
    world.see(ONE, name="B")
    world.store.before_put[len(world.store.puts) + 2] = raising(StoreUnavailable("It is gone."))
    assert kinds(world.refresh()) == {ONE: "put off"}
    world.store.before_put.clear()
    world.facebook.pages[ONE] = {"id": "1", "name": "A"}
    world.clock.seconds = datetime.now().timestamp() + 3600
    assert kinds(world.refresh()) == {ONE: "stored"}
    assert world.document(page_key(ONE)) == named("A")
    assert history(world) == ["A", "B", "A"]


def test_a_crash_keeps_the_page_from_others_only_while_its_lease_lasts(world: World) -> None:
    world.see(ONE, name="Bakery")
    crash(world, "in the read")
    assert world.refresh() == []
    world.clock.let_leases_run_out()
    assert kinds(world.refresh()) == {ONE: "stored"}


class Thief:
    """Another worker, which claims what is free when our lease has run out during our read."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._inbox = DatabaseInbox(world.database, world.clock)
        self.claims: list[Claim] = []

    def steal(self) -> None:
        self._world.clock.let_leases_run_out()
        self.claims = self._inbox.claim(CLAIM_LIMIT)


@pytest.mark.parametrize(
    "reading",
    [{"id": "1", "name": "Bakery"}, GraphUnavailable("It failed."), TokenRefused("Expired.")],
)
def test_a_page_that_another_worker_took_meanwhile_is_left_to_it(
    world: World, reading: dict[str, object] | TemporaryFailure | PermanentFailure
) -> None:
    world.see(ONE)
    world.facebook.pages[ONE] = reading
    thief = Thief(world)
    world.facebook.before_answer = thief.steal
    outcome = world.refresh_one()
    assert outcome.kind == "taken over"
    assert outcome.reason is not None
    assert len(thief.claims) == 1
    state = world.inbox.pages()[ONE]
    assert (state.parked, state.reason, state.last) == (False, None, None)


@pytest.mark.parametrize(("recorded", "kind"), [("Baker", "stored"), ("Bakery", "unchanged")])
def test_a_page_that_two_workers_wrote_is_written_once_more_unless_they_wrote_the_same(
    world: World, recorded: str, kind: str
) -> None:
    world.see(ONE, name="Bakery")
    thief = Thief(world)
    world.facebook.before_answer = thief.steal
    world.refresh()
    world.facebook.before_answer = lambda: None
    now = PageSnapshot(ONE, named(recorded), FETCHED, "v26.0")
    world.facebook.pages[ONE] = named(recorded)
    world.inbox.finish(thief.claims[0], LastStored(1, now.digest, now.fields))
    assert world.refresh_one().kind == kind
    assert world.refresh() == []
    assert world.document(page_key(ONE)) == named(recorded)


def test_a_lease_that_ran_out_writes_nothing_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.lease.time", world.clock)
    world.see(ONE, name="Bakery")
    world.facebook.before_answer = world.clock.let_leases_run_out
    assert world.refresh_one().kind == "taken over"
    assert keys_in(world.store) == []
    world.facebook.before_answer = lambda: None
    assert world.refresh_one().kind == "stored"


def test_a_lease_that_runs_out_between_two_writes_leaves_the_page_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.lease.time", world.clock)
    world.see(ONE, name="Bakery")
    world.store.before_put[1] = world.clock.let_leases_run_out
    assert world.refresh_one().kind == "taken over"
    assert keys_in(world.store) == [history_key(ONE, 1)]


def test_a_store_that_fails_after_the_lease_was_lost_puts_nothing_off(world: World) -> None:
    def steal_and_fail() -> None:
        Thief(world).steal()
        raise StoreUnavailable("It failed.")

    world.see(ONE, name="Bakery")
    world.store.before_put[1] = steal_and_fail
    assert world.refresh_one().kind == "taken over"
    assert world.inbox.pages()[ONE].reason is None


def die_while_writing(world: World, point: str) -> None:
    """A worker stores "Then" and dies before its finish; the page is "Before" again afterwards."""
    world.see(ONE, name="Before")
    world.refresh()
    world.see(ONE, name="Then")
    crash(world, point)
    world.clock.let_leases_run_out()
    world.facebook.pages[ONE] = named("Before")


@pytest.mark.parametrize("point", ["between the history and the page", "before the finish"])
def test_what_a_dead_worker_wrote_of_a_page_that_changed_back_stays_in_its_history(
    world: World, point: str
) -> None:
    die_while_writing(world, point)
    assert kinds(world.refresh()) == {ONE: "stored"}
    assert world.document(page_key(ONE)) == named("Before")
    assert history(world) == ["Before", "Then", "Before"]
    assert world.inbox.status().versions == 3


@pytest.mark.parametrize("point", ["after the claim", "in the read", "before the history"])
def test_a_dead_worker_that_wrote_nothing_leaves_no_version_without_a_change(
    world: World, point: str
) -> None:
    die_while_writing(world, point)
    assert kinds(world.refresh()) == {ONE: "unchanged"}
    puts = len(world.store.puts)
    world.see(ONE, name="Before")
    assert kinds(world.refresh()) == {ONE: "unchanged"}
    assert len(world.store.puts) == puts
    assert world.inbox.status().versions == 1


def test_a_write_that_failed_and_happened_all_the_same_is_written_over(world: World) -> None:
    world.see(ONE, name="Before")
    world.refresh()

    def write_and_fail() -> None:
        DirectoryStore.put(world.store, page_key(ONE), b"the page, from the write that failed")
        raise StoreUnavailable("The answer was lost.")

    world.store.before_put[len(world.store.puts) + 2] = write_and_fail
    world.see(ONE, name="Then")
    assert kinds(world.refresh()) == {ONE: "put off"}
    world.facebook.pages[ONE] = named("Before")
    world.clock.seconds = datetime.now(UTC).timestamp() + 60
    assert kinds(world.refresh()) == {ONE: "stored"}
    assert world.document(page_key(ONE)) == named("Before")


def test_a_write_that_was_given_up_and_comes_after_the_next_one_is_written_over(
    world: World,
) -> None:
    world.clock.seconds = datetime.now(UTC).timestamp()
    world.see(ONE, name="Before")
    world.refresh()
    world.store.before_put[len(world.store.puts) + 2] = raising(StoreUnavailable("No answer."))
    world.see(ONE, name="Stale")
    assert kinds(world.refresh()) == {ONE: "put off"}
    world.store.before_put.clear()
    world.clock.seconds += 60
    world.see(ONE, name="Now")
    assert kinds(world.refresh()) == {ONE: "stored"}
    world.store.put(page_key(ONE), canonical_json(named("Stale")))  # only now it arrives
    assert world.refresh() == []
    world.clock.seconds += LONGEST_PUT_SECONDS
    world.refresh()
    assert world.document(page_key(ONE)) == named("Now")
    assert history(world) == ["Before", "Stale", "Now"]
    world.clock.seconds += LONGEST_PUT_SECONDS
    assert world.refresh() == []


def test_a_store_that_cannot_be_looked_at_was_not_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_key: str) -> None:
        raise StoreUnavailable("It is gone.")

    world.see(ONE, name="Before")
    world.refresh()
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "head", fail)
        world.see(ONE, name="Now")
        assert kinds(world.refresh()) == {ONE: "put off"}
    last = world.inbox.pages()[ONE].last
    assert last is not None
    assert last.digest is not None
    world.clock.seconds = datetime.now(UTC).timestamp() + 60
    assert kinds(world.refresh()) == {ONE: "stored"}
    world.clock.seconds += LONGEST_PUT_SECONDS
    assert world.refresh() == []


def test_a_version_that_comes_too_late_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.hallway.lease.time", world.clock)
    world.see(ONE, name="Before")
    world.refresh()
    world.see(ONE, name="Stale")

    def sleep_through_another_workers_pass() -> None:
        world.clock.let_leases_run_out()
        world.facebook.pages[ONE] = named("Now")
        assert kinds(world.refresh()) == {ONE: "stored"}

    # The history entry arrives after the other worker's, and finds its number taken.
    world.store.before_put[len(world.store.puts) + 1] = sleep_through_another_workers_pass
    assert kinds(world.refresh()) == {ONE: "taken over"}
    assert kinds(world.refresh()) == {ONE: "unchanged"}
    assert world.document(page_key(ONE)) == named("Now")
    assert history(world) == ["Before", "Now"]


def refresher_of(world: World) -> Refresher:
    return Refresher(world.inbox, world.store, world.facebook.read_pages)


def test_pages_that_are_given_up_before_a_write_are_free_at_once_and_left_alone(
    world: World,
) -> None:
    world.see(ONE, name="Bakery")
    world.see(TWO, name="Butcher")
    refresher, others = refresher_of(world), Thief(world)

    def give_up() -> None:
        refresher.give_up()
        others.claims = world.inbox.claim(CLAIM_LIMIT)

    world.facebook.before_answer = give_up
    assert kinds(refresher.refresh()) == {ONE: "taken over", TWO: "taken over"}
    assert [claim.page_id for claim in others.claims] == [ONE, TWO]
    assert world.store.puts == []
    for claim in others.claims:  # nobody marked them again
        world.inbox.finish(claim, None)
    assert world.inbox.status().waiting == 0


def test_a_page_that_is_being_written_when_it_is_given_up_stays_leased(world: World) -> None:
    refresher = refresher_of(world)
    world.see(ONE, name="Bakery")
    world.store.before_put[1] = refresher.give_up
    assert kinds(refresher.refresh()) == {ONE: "stored"}


def test_giving_up_without_a_page_in_hand_does_nothing(world: World) -> None:
    refresher = refresher_of(world)
    refresher.give_up()
    world.see(ONE, name="Bakery")
    refresher.refresh()
    refresher.give_up()
    assert world.inbox.status().waiting == 0


def test_an_error_of_the_database_ends_the_pass_and_the_next_one_mends_it(world: World) -> None:
    world.see(ONE, name="Bakery")
    world.see(TWO, name="Butcher")
    with pytest.raises(DatabaseUnavailable, match="It is gone"):
        world.refresh(FailingInbox(world))
    assert world.inbox.pages()[ONE].last is None
    world.clock.let_leases_run_out()
    assert kinds(world.refresh()) == {ONE: "stored", TWO: "stored"}
    assert len(keys_in(world.store)) == 4


class PartlyFailingInbox(DatabaseInbox):
    """A database that goes away when page 2 is to be finished, as often as `outages` says."""

    outages = 1

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        if claim.page_id == TWO and self.outages:
            self.outages -= 1
            raise DatabaseUnavailable("It is gone.")
        super().finish(claim, stored)


def test_what_came_to_its_end_is_told_before_the_error_of_the_database(world: World) -> None:
    inbox = PartlyFailingInbox(world.database, world.clock)
    refresher = Refresher(inbox, world.store, world.facebook.read_pages)
    for page in (ONE, TWO, THREE):
        world.see(page, name="Bakery")
    assert kinds(refresher.refresh()) == {ONE: "stored", THREE: "stored"}
    with pytest.raises(DatabaseUnavailable, match="It is gone"):
        refresher.refresh()
    assert kinds(refresher.refresh()) == {TWO: "stored"}
    assert refresher.refresh() == []


class CutOffInbox(DatabaseInbox):
    """A database that this worker alone cannot reach for a while."""

    is_away = False

    def release(self, claim: Claim, *, is_written: bool) -> None:
        self._reach()
        super().release(claim, is_written=is_written)

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        self._reach()
        super().finish(claim, stored)

    def _reach(self) -> None:
        if self.is_away:
            raise DatabaseUnavailable("It is gone.")


def test_a_late_write_that_the_database_was_not_told_of_is_written_over_once_it_is_back(
    world: World,
) -> None:
    inbox = CutOffInbox(world.database, world.clock)
    refresher = Refresher(inbox, world.store, world.facebook.read_pages)
    world.see(ONE, name="Stale")

    def be_overtaken() -> None:
        world.clock.let_leases_run_out()
        world.facebook.pages[ONE] = named("Now")
        assert kinds(world.refresh()) == {ONE: "stored"}
        inbox.is_away = True

    world.store.before_put[2] = be_overtaken
    for _ in range(2):  # until it is back, nothing is forgotten
        with pytest.raises(DatabaseUnavailable):
            refresher.refresh()
    assert world.document(page_key(ONE)) == named("Stale")
    inbox.is_away = False
    assert kinds(refresher.refresh()) == {ONE: "unchanged"}
    assert world.document(page_key(ONE)) == named("Now")
    assert refresher.refresh() == []


class Surprise(DirectoryStore):
    """Fails as nobody foresaw, for page 1 only."""

    def put(self, key: str, body: bytes) -> bool:
        if key.startswith("1/"):
            raise RuntimeError("a value that is told to nobody")
        return super().put(key, body)


def test_a_page_that_fails_as_nobody_foresaw_is_put_off_and_stops_no_other(
    world: World, tmp_path: Path
) -> None:
    world.see(ONE, name="Bakery")
    world.see(TWO, name="Butcher")
    store = Surprise(tmp_path / "other", "")
    outcomes = Refresher(world.inbox, store, world.facebook.read_pages).refresh()
    assert kinds(outcomes) == {ONE: "put off", TWO: "stored"}
    (reason,) = [outcome.reason for outcome in outcomes if outcome.page_id == ONE]
    assert reason is not None
    assert "RuntimeError at test_refresh.py" in reason
    assert "told to nobody" not in reason
    world.clock.seconds = datetime.now(UTC).timestamp() + 60
    assert kinds(world.refresh()) == {ONE: "stored"}


def test_an_error_text_with_half_a_character_puts_its_page_off(world: World) -> None:
    world.facebook.pages[ONE] = GraphUnavailable("Facebook says: \ud800")
    world.inbox.mark([ONE], "sync")
    assert kinds(world.refresh()) == {ONE: "put off"}
    assert world.inbox.pages()[ONE].reason == "Facebook says: ?"


def test_pages_are_stored_while_others_wait_for_their_commit(world: World) -> None:
    ids = [PageId(str(number)) for number in range(1, UPLOAD_THREADS + 3)]
    for page in ids:
        world.see(page, name="Bakery")
    all_stored = Barrier(len(ids), timeout=DEADLINE)

    class SlowCommits(DatabaseInbox):
        def finish(self, claim: Claim, stored: LastStored | None) -> None:
            all_stored.wait()
            super().finish(claim, stored)

    outcomes = world.refresh(SlowCommits(world.database, world.clock))
    assert [outcome.kind for outcome in outcomes] == ["stored"] * len(ids)
