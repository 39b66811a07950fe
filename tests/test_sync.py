"""`fbsync sync` on a real database and a real store; only Facebook and the time are made up."""

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.forgetting import forget_pages
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.store_address import StoreAddress
from fbsync.errors import (
    DatabaseUnavailable,
    GraphUnavailable,
    PermanentFailure,
    RateLimited,
    StoreMoved,
    StoreRefused,
    TemporaryFailure,
    TokenRefused,
)
from fbsync.field_list import FieldList, ListChange
from fbsync.hallway.refresh import CLAIM_LIMIT, Outcome, Refresher
from fbsync.page import FieldChange, PageId, PageSnapshot
from fbsync.patience import Patience
from fbsync.ports import LEASE_SECONDS, Claim, page_key
from fbsync.store.directory import DirectoryStore
from fbsync.sync.difference import Difference
from fbsync.sync.missed_webhook import MissedWebhook, missed_by
from fbsync.sync.sync import NO_ACCESS, Poll
from tests.instant import NO_PATIENCE

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")
FETCHED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

Reading = PageSnapshot | TemporaryFailure | PermanentFailure
Parts = Sequence[Sequence[PageSnapshot]]


class Clock:
    """Time that tests move. A sleep lets others act and takes no time of ours."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0
        self.slept = 0.0
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        assert self.slept < 1000, "sync waits for ever"
        self.meanwhile()


def snapshot(page: PageId, name: str = "Bakery") -> PageSnapshot:
    return PageSnapshot(page, {"id": page, "name": name}, FETCHED, "v26.0")


class World:
    """One database, one store, and what a read of each page gives at the moment."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.database = Database(sqlite_url(folder / "f.sqlite3"))
        self.inbox = DatabaseInbox(self.database, self.clock)
        self.store = DirectoryStore(folder / "store", "facebook")
        self.readings: dict[PageId, Reading] = {}
        self.asked: list[list[PageId]] = []
        self.during_read: Callable[[], None] = lambda: None
        self.patience = NO_PATIENCE
        self.said: list[str] = []

    def sync(
        self,
        parts: Parts = (),
        known: Collection[PageId] = (),
        *,
        wanted: Collection[PageId] | None = None,
        dry_run: bool = False,
        is_patient: bool = False,
    ) -> list[Outcome | Difference]:
        """One run, and what it reported. Pages are read as they were polled unless said."""
        for part in parts:
            for polled in part:
                self.readings.setdefault(polled.page_id, polled)
        reports: list[Outcome | Difference] = []
        refresher = Refresher(self.inbox, self.store, self.read_pages)
        poll = Poll(
            self.inbox,
            refresher,
            reports.append,
            wanted=wanted,
            dry_run=dry_run,
            patience=self.patience,
            say=self.said.append,
            is_patient=is_patient,
        )
        poll.run(parts, known)
        return reports

    def read_pages(self, page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        self.asked.append(list(page_ids))
        self.during_read()
        return {page: self.readings[page] for page in page_ids}

    def have_stored(self, *pages: PageId) -> None:
        self.sync([[snapshot(page) for page in pages]])
        self.asked.clear()

    def stored_name(self, page: PageId) -> str | None:
        last = self.inbox.pages()[page].last
        return None if last is None else str(last.fields["name"])


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    monkeypatch.setattr("fbsync.sync.sync.time", made.clock)
    yield made
    made.database.close()


def told(reports: Sequence[Outcome | Difference]) -> list[tuple[PageId, str]]:
    """Each report's page and kind, in the order of the reports."""
    return [
        (report.page_id, report.kind if isinstance(report, Outcome) else "differs")
        for report in reports
    ]


def test_a_store_that_refuses_for_good_ends_the_run_at_once(world: World) -> None:
    def refuse(key: str, body: bytes) -> bool:
        raise StoreRefused("No such bucket.\nMake it.")

    world.patience = Patience(seconds=60, sleep=lambda seconds: pytest.fail("it waited"))
    world.store.create = refuse  # type: ignore[method-assign]  # the store of this test
    with pytest.raises(StoreRefused, match="No such bucket"):
        world.sync([[snapshot(ONE), snapshot(TWO)]])
    state = world.inbox.pages()[ONE]
    assert (state.leased_until, state.reason) == (None, "No such bucket.\nMake it.")
    world.patience = NO_PATIENCE
    found = world.sync([[snapshot(THREE)]], wanted=[THREE], is_patient=True)
    assert [getattr(outcome, "kind", "") for outcome in found] == ["put off"]


def test_pages_that_differ_are_stored_and_the_others_are_not_even_read(world: World) -> None:
    world.have_stored(ONE, TWO)
    world.readings[TWO] = snapshot(TWO, "Butcher")
    reports = world.sync([[snapshot(ONE), snapshot(TWO, "Butcher")]])
    assert told(reports) == [(ONE, "unchanged"), (TWO, "stored")]
    assert world.asked == [[TWO]]
    assert world.stored_name(TWO) == "Butcher"


def test_a_value_that_only_counts_as_equal_in_python_is_a_change(world: World) -> None:
    def published(value: object) -> PageSnapshot:
        return PageSnapshot(ONE, {"id": ONE, "is_published": value}, FETCHED, "v26.0")

    world.readings[ONE] = published(True)
    world.sync([[published(True)]])
    assert told(world.sync([[published(True)]])) == [(ONE, "unchanged")]
    world.readings[ONE] = published(1)
    assert told(world.sync([[published(1)]])) == [(ONE, "stored")]


def test_the_order_of_the_fields_is_no_change(world: World) -> None:
    world.have_stored(ONE)
    turned = PageSnapshot(ONE, {"name": "Bakery", "id": ONE}, FETCHED, "v26.0")
    assert told(world.sync([[turned]])) == [(ONE, "unchanged")]
    assert world.asked == []


def test_what_was_stored_beside_a_page_that_the_store_refuses_is_told_first(world: World) -> None:
    found: list[Outcome | Difference] = []

    class Full(Refresher):
        def refresh(self, only: Collection[PageId] | None = None) -> list[Outcome]:
            refused = Outcome(ONE, "put off", reason="no room", is_refused=True)
            return [refused, Outcome(TWO, "stored")]

    refresher = Full(world.inbox, world.store, lambda pages: {})
    with pytest.raises(StoreRefused, match="no room"):
        Poll(world.inbox, refresher, found.append).run([], [ONE, TWO])
    assert found == [Outcome(TWO, "stored")]


def test_what_is_stored_is_read_after_the_poll(world: World) -> None:
    world.readings[ONE] = snapshot(ONE, "Newer than the poll")
    assert told(world.sync([[snapshot(ONE, "Polled")]])) == [(ONE, "stored")]
    assert world.stored_name(ONE) == "Newer than the poll"
    assert world.store.get(page_key(ONE)) == snapshot(ONE, "Newer than the poll").document


def test_a_second_version_says_that_the_poll_noticed_it(world: World) -> None:
    world.have_stored(ONE)
    world.readings[ONE] = snapshot(ONE, "Butcher")
    (report,) = world.sync([[snapshot(ONE, "Butcher")]])
    assert isinstance(report, Outcome)
    assert report.version is not None
    assert (report.version.number, report.version.noticed_by) == (2, "sync")


def test_a_page_that_two_people_list_is_reported_once(world: World) -> None:
    world.have_stored(ONE)
    parts = [[snapshot(ONE), snapshot(TWO), snapshot(TWO)], [snapshot(TWO), snapshot(ONE)]]
    assert told(world.sync(parts)) == [(ONE, "unchanged"), (TWO, "stored")]
    assert world.asked == [[TWO]]


def test_each_part_is_settled_before_the_next_is_asked_for(world: World) -> None:
    def parts() -> Iterator[list[PageSnapshot]]:
        world.readings = {ONE: snapshot(ONE), TWO: snapshot(TWO)}
        yield [snapshot(ONE)]
        yield []
        assert world.stored_name(ONE) == "Bakery"
        raise RateLimited("Wait.")

    reports: list[Outcome | Difference] = []
    refresher = Refresher(world.inbox, world.store, lambda ids: {i: snapshot(i) for i in ids})
    with pytest.raises(RateLimited, match="Wait"):
        Poll(world.inbox, refresher, reports.append).run(parts(), [TWO])
    assert told(reports) == [(ONE, "stored")]


def test_more_pages_than_one_batch_takes_are_all_stored(world: World) -> None:
    pages = [PageId(str(number)) for number in range(1, 2 * CLAIM_LIMIT + 2)]
    reports = world.sync([[snapshot(page) for page in pages]])
    assert sorted(told(reports)) == sorted((page, "stored") for page in pages)
    assert [len(asked) for asked in world.asked] == [CLAIM_LIMIT, CLAIM_LIMIT, 1]


def test_only_the_wanted_pages_are_looked_at(world: World) -> None:
    world.inbox.mark([THREE], "webhook")
    reports = world.sync([[snapshot(ONE), snapshot(TWO)]], [ONE, TWO, THREE], wanted=[TWO])
    assert told(reports) == [(TWO, "stored")]
    assert world.asked == [[TWO]]
    assert set(world.inbox.pages()) == {TWO, THREE}


def test_pages_that_the_poll_left_out_are_read_one_by_one(world: World) -> None:
    world.readings = {TWO: snapshot(TWO), THREE: TokenRefused("Expired.")}
    reports = world.sync([[snapshot(ONE)]], [ONE, TWO, THREE])
    assert told(reports) == [(ONE, "stored"), (TWO, "stored"), (THREE, "parked")]
    assert world.inbox.pages()[THREE].reason == "Expired."


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_wanted_page_that_nobody_manages_is_reported_and_not_kept(
    world: World, dry_run: bool
) -> None:
    reports = world.sync([[snapshot(ONE)]], [ONE], wanted=[TWO], dry_run=dry_run)
    assert reports == [Outcome(TWO, "parked", reason=NO_ACCESS)]
    assert world.inbox.pages() == {}


def test_a_dry_run_shows_what_differs_and_touches_nothing(world: World) -> None:
    world.have_stored(ONE, TWO)
    world.inbox.mark([THREE], "webhook")
    before = world.inbox.pages()
    reports = world.sync([[snapshot(ONE), snapshot(TWO, "Butcher")]], [THREE], dry_run=True)
    assert reports == [
        Outcome(ONE, "unchanged"),
        Difference(TWO, "Butcher", (FieldChange("name", "Bakery", "Butcher"),)),
    ]
    assert world.asked == []
    assert world.inbox.pages() == before


@pytest.mark.parametrize("marked", [False, True])
def test_a_dry_run_shows_a_page_never_stored_as_new(world: World, marked: bool) -> None:
    if marked:
        world.inbox.mark([ONE], "webhook")
    assert world.sync([[snapshot(ONE)]], dry_run=True) == [
        Difference(
            ONE, "Bakery", (FieldChange("id", None, "1"), FieldChange("name", None, "Bakery"))
        )
    ]


def test_a_dry_run_shows_a_page_without_a_name(world: World) -> None:
    nameless = PageSnapshot(ONE, {"id": "1"}, FETCHED, "v26.0")
    (report,) = world.sync([[nameless]], dry_run=True)
    assert report == Difference(ONE, "", (FieldChange("id", None, "1"),))


def park(world: World, page: PageId) -> None:
    world.inbox.mark([page], "webhook")
    (claim,) = world.inbox.claim(1, [page])
    world.inbox.park(claim, "Expired.")


@pytest.mark.parametrize(("name", "kind"), [("Bakery", "unchanged"), ("Butcher", "stored")])
def test_a_parked_page_that_the_poll_lists_again_is_looked_at_again(
    world: World, name: str, kind: str
) -> None:
    world.have_stored(ONE)
    park(world, ONE)
    world.readings[ONE] = snapshot(ONE, name)
    assert told(world.sync([[snapshot(ONE, name)]])) == [(ONE, kind)]
    assert not world.inbox.pages()[ONE].parked
    assert world.stored_name(ONE) == name


def test_a_parked_page_that_the_poll_left_out_stays_parked_with_its_reason(world: World) -> None:
    park(world, ONE)
    assert world.sync([], [ONE]) == [Outcome(ONE, "parked", reason="Expired.")]
    assert world.asked == []


def test_a_run_ends_where_another_program_moves_the_pages_meanwhile(world: World) -> None:
    address = StoreAddress(world.database)
    address.move_to(world.store.address)

    def move() -> None:
        address.move_to("elsewhere")

    world.during_read = move
    with pytest.raises(StoreMoved, match="to another store than"):
        world.sync([[snapshot(ONE)], [snapshot(TWO)]])
    assert world.asked == [[ONE]]
    assert world.clock.slept == 0


def test_a_page_that_is_put_off_already_is_not_waited_for(world: World) -> None:
    due = datetime.fromtimestamp(world.clock.seconds + 600, UTC)
    world.inbox.mark([ONE], "webhook")
    (claim,) = world.inbox.claim(1)
    world.inbox.retry(claim, due, "Wait.")
    assert world.sync([[snapshot(ONE)]]) == [Outcome(ONE, "put off", reason="Wait.", retry_at=due)]
    assert world.clock.slept == 0


def test_a_failed_read_is_reported_once_and_not_tried_again_at_once(world: World) -> None:
    world.readings[ONE] = GraphUnavailable("It failed.")
    assert told(world.sync([[snapshot(ONE), snapshot(TWO)]])) == [(TWO, "stored"), (ONE, "put off")]
    assert world.asked == [[ONE, TWO]]


@pytest.fixture
def patient(world: World) -> World:
    """Sync waits for pages that were put off; the wait moves the clock."""
    world.clock.seconds = time.time()

    def wait(seconds: float) -> None:
        world.clock.seconds += seconds + 1  # the real clock went on while the test ran

    world.patience = Patience(1000, wait, tries=10)
    return world


def test_a_page_that_was_put_off_is_read_again_when_it_is_due(patient: World) -> None:
    failures = [GraphUnavailable("It failed."), GraphUnavailable("Again.")]

    def recover() -> None:
        patient.readings[ONE] = failures.pop() if failures else snapshot(ONE)

    patient.during_read = recover
    reports = patient.sync([[snapshot(ONE), snapshot(TWO)]])
    assert told(reports) == [(TWO, "stored"), (ONE, "stored")]
    assert patient.asked == [[ONE, TWO], [ONE], [ONE]]
    (said,) = patient.said
    assert said.startswith("1 page did not work at once")
    assert said.endswith("Again.")
    assert patient.stored_name(ONE) == "Bakery"


def test_pages_that_come_due_one_soon_after_the_other_share_a_request(patient: World) -> None:
    def due_in(seconds: float) -> RateLimited:
        moment = datetime.fromtimestamp(patient.clock.seconds + seconds, UTC)
        return RateLimited("Wait.", retry_at=moment)

    late = due_in(90)
    patient.readings |= {ONE: due_in(2), TWO: due_in(4), THREE: late}

    def recover() -> None:
        if patient.asked[1:]:
            patient.readings |= {ONE: snapshot(ONE), TWO: snapshot(TWO)}
        if patient.asked[2:]:
            patient.readings[THREE] = snapshot(THREE)

    patient.during_read = recover
    reports = patient.sync([[snapshot(ONE), snapshot(TWO), snapshot(THREE)]])
    assert told(reports) == [(ONE, "stored"), (TWO, "stored"), (THREE, "stored")]
    assert patient.asked == [[ONE, TWO, THREE], [ONE, TWO], [THREE]]


def test_a_page_that_comes_due_before_the_wait_for_it_is_told_as_stored(patient: World) -> None:
    soon = datetime.fromtimestamp(patient.clock.seconds + 2, UTC)
    patient.readings[ONE] = RateLimited("Wait.", retry_at=soon)

    def recover() -> None:
        if patient.asked[1:]:
            patient.readings[ONE] = snapshot(ONE)
            patient.clock.seconds += 5

    patient.during_read = recover
    # The second part takes so long that the first part's page comes due meanwhile.
    assert told(patient.sync([[snapshot(ONE)], [snapshot(TWO)]])) == [
        (TWO, "stored"),
        (ONE, "stored"),
    ]
    assert patient.asked == [[ONE], [TWO], [ONE]]


def test_a_page_that_keeps_failing_is_reported_in_the_end(patient: World) -> None:
    patient.readings[ONE] = GraphUnavailable("It failed.")
    assert told(patient.sync([[snapshot(ONE)]])) == [(ONE, "put off")]
    assert 5 <= len(patient.asked) <= 10


def test_a_page_that_is_put_off_for_longer_is_not_waited_for(patient: World) -> None:
    later = datetime.fromtimestamp(patient.clock.seconds + 2000, UTC)
    patient.readings[ONE] = RateLimited("Wait.", retry_at=later)
    assert told(patient.sync([[snapshot(ONE)]])) == [(ONE, "put off")]
    assert patient.asked == [[ONE]]


class OtherWorker:
    """Holds a page, and while sync sleeps ends its work in one of the possible ways."""

    def __init__(self, world: World, page: PageId) -> None:
        world.inbox.mark([page], "webhook")
        self._inbox = DatabaseInbox(world.database, world.clock)
        (self._claim,) = self._inbox.claim(1, [page])
        self._world = world

    def end(self, how: str) -> None:
        self._world.clock.meanwhile = lambda: None
        claim = self._claim
        if how == "parks":
            self._inbox.park(claim, "Expired.")
        elif how == "puts off":
            due = datetime.fromtimestamp(self._world.clock.seconds + 600, UTC)
            self._inbox.retry(claim, due, "It failed.")
        elif how == "dies":
            self._world.clock.seconds += LEASE_SECONDS + 1
        else:
            self._inbox.finish(claim, None)


@pytest.mark.parametrize(
    ("how", "kind", "reason"),
    [
        ("parks", "parked", "Expired."),
        ("puts off", "put off", "It failed."),
        ("dies", "stored", None),
        # It read before our mark, so the page is read once more.
        ("finishes", "stored", None),
    ],
)
def test_a_page_in_another_workers_hands_is_waited_for(
    world: World, how: str, kind: str, reason: str | None
) -> None:
    other = OtherWorker(world, ONE)
    world.clock.meanwhile = lambda: other.end(how)
    (report,) = world.sync([[snapshot(ONE)]])
    assert isinstance(report, Outcome)
    assert (report.page_id, report.kind, report.reason) == (ONE, kind, reason)
    assert world.clock.slept > 0


def test_a_page_that_failed_before_is_waited_for_while_another_worker_tries_again(
    world: World,
) -> None:
    world.inbox.mark([ONE], "webhook")
    (claim,) = world.inbox.claim(1)
    world.inbox.retry(claim, datetime.fromtimestamp(world.clock.seconds, UTC), "It failed.")
    other = OtherWorker(world, ONE)
    world.clock.meanwhile = lambda: other.end("finishes")
    assert told(world.sync([[snapshot(ONE)]])) == [(ONE, "stored")]


def test_a_page_given_back_just_after_our_claim_is_claimed_the_next_time(world: World) -> None:
    class JustTooEarly(DatabaseInbox):
        """Another worker finishes right after each claim that did not get its page."""

        def claim(
            self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
        ) -> list[Claim]:
            claims = super().claim(limit, only, store)
            if others:
                others.pop().end("finishes")
            return claims

    others = [OtherWorker(world, ONE)]
    world.inbox = JustTooEarly(world.database, world.clock)
    assert told(world.sync([[snapshot(ONE)]])) == [(ONE, "stored")]


def test_a_page_that_another_worker_claims_after_our_mark_is_settled_by_it(world: World) -> None:
    class Overtaken(DatabaseInbox):
        """Another worker claims and finishes between our mark and our claim."""

        def claim(
            self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
        ) -> list[Claim]:
            for claim in super().claim(limit, only, store):
                self.finish(claim, None)
            return []

    world.inbox = Overtaken(world.database, world.clock)
    assert told(world.sync([[snapshot(ONE)]])) == [(ONE, "settled elsewhere")]


def test_a_page_that_is_forgotten_in_the_middle_of_its_read_is_waited_for_no_more(
    world: World,
) -> None:
    class Forgetful(DatabaseInbox):
        """Somebody puts the page to rest between our mark and our claim."""

        def claim(
            self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
        ) -> list[Claim]:
            for claim in super().claim(limit, only, store):
                self.park(claim, "It is gone.")
            forget_pages(world.database, [ONE])
            return []

    world.inbox = Forgetful(world.database, world.clock)
    assert told(world.sync([[snapshot(ONE)]])) == [(ONE, "settled elsewhere")]


def test_a_page_that_another_worker_never_gives_back_is_left_to_it_in_the_end(
    world: World,
) -> None:
    OtherWorker(world, ONE)
    (report,) = world.sync([[snapshot(ONE)]])
    assert isinstance(report, Outcome)
    assert report.kind == "put off"
    assert report.reason is not None
    assert "run sync again" in report.reason
    assert world.clock.slept >= 60


def test_a_page_taken_over_during_our_read_is_followed_to_its_end(world: World) -> None:
    def steal() -> None:
        world.during_read = lambda: None
        world.clock.seconds += LEASE_SECONDS + 1
        thief = OtherWorker(world, ONE)
        world.clock.meanwhile = lambda: thief.end("finishes")

    world.during_read = steal
    assert told(world.sync([[snapshot(ONE)]])) == [(ONE, "stored")]
    assert world.stored_name(ONE) == "Bakery"


def test_what_events_had_marked_before_is_finished_too(world: World) -> None:
    world.readings = {TWO: snapshot(TWO), THREE: TokenRefused("Expired.")}
    world.inbox.mark([TWO, THREE], "webhook")
    reports = world.sync([[snapshot(ONE)]])
    assert told(reports) == [(ONE, "stored"), (TWO, "stored"), (THREE, "parked")]
    assert world.inbox.status().waiting == 0


@pytest.mark.parametrize("parts", [[[snapshot(ONE)]], []], ids=["polled", "left out by the poll"])
def test_an_event_during_the_run_is_followed_but_not_reported_twice(
    world: World, parts: Parts
) -> None:
    def change() -> None:
        world.during_read = lambda: None
        world.inbox.mark([ONE], "webhook")

    world.during_read = change
    world.readings[ONE] = snapshot(ONE)
    assert told(world.sync(parts, [ONE])) == [(ONE, "stored")]
    assert world.asked == [[ONE], [ONE]]
    assert world.inbox.status().waiting == 0


def test_an_error_of_the_database_ends_the_run(world: World) -> None:
    class Gone(DatabaseInbox):
        """A database that goes away after the poll."""

        def mark(self, page_ids: object, noticed_by: object) -> dict[PageId, int]:
            raise DatabaseUnavailable("It is gone.")

    world.inbox = Gone(world.database, world.clock)
    with pytest.raises(DatabaseUnavailable, match="It is gone"):
        world.sync([[snapshot(ONE)]])


def test_a_poll_that_fails_leaves_nothing_in_hand(world: World) -> None:
    """The next part of the list cannot be read while the first one is worked on."""
    reading, failed = threading.Event(), threading.Event()

    def read_slowly(page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        reading.set()
        assert failed.wait(30)
        return {page: snapshot(page) for page in page_ids}

    def parts() -> Iterator[list[PageSnapshot]]:
        yield [snapshot(ONE)]
        assert reading.wait(30)
        failed.set()
        raise GraphUnavailable("Facebook does not answer.")

    reports: list[Outcome | Difference] = []
    first, second = (Refresher(world.inbox, world.store, read_slowly) for _ in range(2))
    poll = Poll(world.inbox, first, reports.append, further=[second])
    with pytest.raises(GraphUnavailable):
        poll.run(parts(), ())
    assert world.inbox.status().leased == 0
    assert [found.page_id for found in reports] == [ONE]


def test_a_run_over_nothing_reports_nothing(world: World) -> None:
    assert world.sync([[]]) == []
    assert world.inbox.status().pages == 0


def test_a_counter_stays_as_it_was_when_the_newest_version_was_read(world: World) -> None:
    def polled(**fields: object) -> list[list[PageSnapshot]]:
        world.readings.clear()
        return [[replace(snapshot(ONE), fields={"id": ONE, **fields})]]

    world.sync(polled(name="Bakery", fan_count=100))
    for count, name, kept in ((777, "Bakery", 100), (778, "Butcher", 778)):
        world.sync(polled(name=name, fan_count=count))
        assert json.loads(world.store.get(page_key(ONE)) or b"")["fan_count"] == kept


def test_a_poll_of_some_pages_ends_with_the_part_that_has_the_last_of_them(world: World) -> None:
    asked_for: list[PageId] = []

    def parts() -> Iterator[list[PageSnapshot]]:
        for page in (ONE, TWO, TWO, THREE):  # a second person lists one of them too
            asked_for.append(page)
            yield [snapshot(page)]

    world.readings = {page: snapshot(page) for page in (ONE, TWO)}
    reports: list[Outcome | Difference] = []
    refresher = Refresher(world.inbox, world.store, world.read_pages)
    Poll(world.inbox, refresher, reports.append, wanted=[TWO, ONE]).run(parts(), [])
    assert asked_for == [ONE, TWO]
    assert told(reports) == [(ONE, "stored"), (TWO, "stored")]


@pytest.mark.parametrize("left_out", [frozenset[str](), frozenset({"phone"})])
def test_of_unchanged_pages_the_number_is_told_part_by_part(
    world: World, left_out: frozenset[str]
) -> None:
    world.have_stored(ONE, TWO)
    counts: list[int] = []
    reports: list[Outcome | Difference] = []
    refresher = Refresher(world.inbox, world.store, world.read_pages)
    parts = [[snapshot(ONE), snapshot(TWO)], [snapshot(THREE)], [snapshot(ONE)]]
    polled = [[replace(one, left_out=left_out) for one in part] for part in parts]
    world.readings = {THREE: snapshot(THREE)}
    Poll(world.inbox, refresher, reports.append, unchanged=counts.append).run(polled, [])
    assert counts == [2]
    assert told(reports) == [(THREE, "stored")]


class TestListOfFields:
    NARROW, WIDE = FieldList.of(["id", "name"]), FieldList.of(["id", "name", "phone"])

    def polled(
        self, asked: FieldList | None, page: PageId = ONE, **fields: object
    ) -> list[list[PageSnapshot]]:
        now = snapshot(page)
        return [[replace(now, fields={**now.fields, **fields}, asked=asked)]]

    def sync(self, world: World, parts: list[list[PageSnapshot]]) -> Outcome:
        world.readings.clear()
        (found,) = world.sync(parts)
        assert isinstance(found, Outcome)
        return found

    def test_a_new_one_is_a_version_without_a_change_and_no_missed_webhook(
        self, world: World
    ) -> None:
        self.sync(world, self.polled(self.NARROW))
        found = self.sync(world, self.polled(self.WIDE, phone="1"))
        assert found.version is not None
        assert (found.version.number, found.version.changes) == (2, ())
        assert found.version.list_change == ListChange(added=("phone",))
        assert missed_by(found, ["name", "phone"]) is None
        assert world.sync(self.polled(self.WIDE, phone="1")) == [Outcome(ONE, "unchanged")]
        back = self.sync(world, self.polled(self.NARROW, name="Butcher"))
        assert back.version is not None
        assert back.version.list_change == ListChange(removed=("phone",))
        assert back.version.changes == (FieldChange("name", "Bakery", "Butcher"),)
        assert missed_by(back, ["name", "phone"]) == MissedWebhook(ONE, 3, ("name",))

    @pytest.mark.parametrize("before", [NARROW, None], ids=["another", "none"])
    def test_one_that_brings_nothing_new_is_noted_so_that_what_comes_later_is_a_change(
        self, world: World, before: FieldList | None
    ) -> None:
        self.sync(world, self.polled(before))
        assert self.sync(world, self.polled(self.WIDE)).kind == "unchanged"
        found = self.sync(world, self.polled(self.WIDE, phone="1"))
        assert found.version is not None
        assert found.version.changes == (FieldChange("phone", None, "1"),)
        assert not found.version.list_change

    def test_where_none_is_known_everything_that_differs_is_a_change(self, world: World) -> None:
        self.sync(world, self.polled(None))
        found = self.sync(world, self.polled(self.WIDE, phone="1"))
        assert found.version is not None
        assert found.version.changes == (FieldChange("phone", None, "1"),)

    def test_an_unchanged_poll_compares_digests_alone_once_the_list_is_noted(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.sync(world, self.polled(self.NARROW))
        self.sync(world, self.polled(self.WIDE))
        for name in ("pages", "note_asked"):
            monkeypatch.setattr(world.inbox, name, lambda *_: pytest.fail("asked for more"))
        assert self.sync(world, self.polled(self.WIDE)).kind == "unchanged"

    def test_a_dry_run_tells_of_a_new_one_and_notes_nothing(self, world: World) -> None:
        self.sync(world, self.polled(self.NARROW))
        world.readings.clear()
        (found,) = world.sync(self.polled(self.WIDE, phone="1", name="Butcher"), dry_run=True)
        assert isinstance(found, Difference)
        assert found.list_change == ListChange(added=("phone",))
        assert found.changes == (FieldChange("name", "Bakery", "Butcher"),)
        world.sync(self.polled(self.WIDE), dry_run=True)
        last = world.inbox.pages()[ONE].last
        assert last is not None
        assert last.asked == self.NARROW

    def test_a_field_that_facebook_refuses_has_not_left_it(self, world: World) -> None:
        self.sync(world, self.polled(self.WIDE, phone="1"))
        refused = replace(self.polled(self.NARROW)[0][0], left_out=frozenset({"phone"}))
        assert self.sync(world, [[refused]]).kind == "unchanged"
        found = self.sync(world, self.polled(self.WIDE, phone="2"))
        assert found.version is not None
        assert found.version.changes == (FieldChange("phone", "1", "2"),)
