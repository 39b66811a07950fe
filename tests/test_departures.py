"""People who leave: what is dropped, parked, recorded, and what stays; on both databases."""

import hashlib
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import delete, select, text, update

from fbsync.database.departures import Departure, Departures
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.rate_budget import RateBudget
from fbsync.database.schema import delivery_pages, departures, metadata, page_accesses, user_tokens
from fbsync.database.vault import Vault
from fbsync.graph.budget import Limit, person_limit
from fbsync.graph.pace import COMMANDS
from fbsync.hallway.refresh import Reading, Refresher
from fbsync.page import PageAccess, PageId, PageSnapshot, UserToken
from fbsync.ports import Claim, LastStored
from fbsync.signed_request import SignedRequest
from fbsync.store.directory import DirectoryStore
from fbsync.webhook import Delivery, VerifiedBody
from tests.servers import wait_until

ADA, BO = UserToken("218471", "Ada Byron", "EAAada"), UserToken("99", "Bo", "EAAbo")
ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")


class World:
    """One database, and time that tests move."""

    def __init__(self, database: Database) -> None:
        self.seconds = 1_700_000_000.25
        self.database = database
        self.vault = Vault(database, [Fernet.generate_key().decode()], self.now)
        self.inbox = DatabaseInbox(database, self.now)
        self.departures = Departures(database, "app secret", self.now)

    def now(self) -> float:
        return self.seconds

    def log_in(self, user: UserToken, *page_ids: PageId) -> None:
        self.vault.save(user, [PageAccess(page, f"Page {page}", f"EAA{page}") for page in page_ids])

    def mirror(self, *page_ids: PageId) -> None:
        self.inbox.mark(page_ids, "sync")
        for claim in self.inbox.claim(50, page_ids):
            self.inbox.finish(claim, stored(claim.page_id))

    def claim(self, page: PageId) -> Claim:
        self.inbox.mark([page], "webhook")
        (claim,) = self.inbox.claim(1, [page])
        return claim

    def asks(self, user: UserToken = ADA, later: float = 0) -> SignedRequest:
        """As Meta tells it: whole seconds."""
        return SignedRequest(user.user_id, datetime.fromtimestamp(int(self.seconds + later), UTC))

    def parked(self) -> dict[PageId, str | None]:
        return {page: state.reason for page, state in self.inbox.pages().items() if state.parked}

    def recorded(self) -> int:
        with self.database.read() as connection:
            return len(connection.execute(select(departures)).all())

    def rows(self) -> str:
        """Everything in all tables."""
        with self.database.read() as connection:
            tables = metadata.sorted_tables
            return repr([connection.execute(select(table)).all() for table in tables])


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def stored(page: PageId) -> LastStored:
    return LastStored(1, f"digest of {page}", {"id": page})


def event(text: str, *page_ids: PageId) -> Delivery:
    body = text.encode()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Delivery(hashlib.sha256(body).hexdigest(), VerifiedBody(body), page_ids, moment)


class TestDeauthorize:
    def test_the_persons_tokens_go_and_their_pages_are_parked(self, world: World) -> None:
        world.log_in(ADA, ONE, TWO)
        world.log_in(BO, THREE)
        world.mirror(ONE, TWO, THREE)
        departure = world.departures.deauthorize(world.asks())
        assert (departure.logins, departure.page_tokens) == (1, 2)
        assert world.vault.users() == [BO]
        assert world.vault.page_ids() == [THREE]
        assert set(world.parked()) == {ONE, TWO}
        reason = world.parked()[ONE]
        assert reason is not None
        assert "removed the app on 2023-11-14" in reason
        assert "fbsync login" in reason
        assert "Ada" not in reason

    def test_what_is_stored_of_the_pages_stays(self, world: World) -> None:
        world.log_in(ADA, ONE)
        world.mirror(ONE)
        world.departures.deauthorize(world.asks())
        assert world.inbox.pages()[ONE].last == stored(ONE)
        assert world.departures.pages_left() == [ONE]

    def test_a_page_never_read_is_parked_too(self, world: World) -> None:
        world.log_in(ADA, ONE)
        world.departures.deauthorize(world.asks())
        world.inbox.record([event("later", ONE)])
        assert world.inbox.claim(50) == []
        assert set(world.parked()) == {ONE}
        assert world.departures.pages_left() == []

    def test_a_parked_page_gets_the_newer_reason(self, world: World) -> None:
        world.log_in(ADA, ONE)
        world.inbox.park(world.claim(ONE), "Its token expired.")
        world.departures.deauthorize(world.asks())
        assert "removed the app" in str(world.parked()[ONE])

    def test_a_second_time_changes_nothing_and_is_the_same(self, world: World) -> None:
        world.log_in(ADA, ONE)
        first = world.departures.deauthorize(world.asks())
        world.seconds += 60
        second = world.departures.deauthorize(world.asks())
        assert (first.is_new, second.is_new) == (True, False)
        assert second == replace(first, is_new=False)
        assert world.recorded() == 1

    def test_somebody_whom_we_never_met_is_recorded_without_effect(self, world: World) -> None:
        world.log_in(BO, THREE)
        departure = world.departures.deauthorize(world.asks())
        assert (departure.logins, departure.page_tokens) == (0, 0)
        assert world.vault.users() == [BO]
        assert world.parked() == {}

    def test_a_request_from_before_the_newest_login_drops_nothing(self, world: World) -> None:
        old = world.asks()
        world.seconds += 3600
        world.log_in(ADA, ONE)
        for is_new in (True, False):
            departure = world.departures.deauthorize(old)
            assert departure.outdated
            assert departure.is_new is is_new
        assert world.vault.users() == [ADA]
        assert world.vault.page_ids() == [ONE]
        assert world.parked() == {}
        assert world.recorded() == 1

    def test_one_in_the_second_of_the_login_counts(self, world: World) -> None:
        world.log_in(ADA, ONE)
        assert world.asks().issued_at.timestamp() < world.seconds
        assert not world.departures.deauthorize(world.asks()).outdated
        assert world.vault.users() == []

    def test_an_old_request_that_comes_again_after_a_new_login_drops_nothing(
        self, world: World
    ) -> None:
        world.log_in(ADA, ONE)
        request = world.asks()
        first = world.departures.deauthorize(request)
        world.seconds += 60
        world.log_in(ADA, ONE)
        again = world.departures.deauthorize(request)
        assert (again.code, again.is_new) == (first.code, False)
        assert world.vault.page_ids() == [ONE]
        newer = world.departures.deauthorize(world.asks())
        assert newer.code != first.code
        assert world.vault.page_ids() == []

    def test_a_login_of_an_older_fbsync_has_no_time_and_is_dropped(self, world: World) -> None:
        world.log_in(ADA, ONE)
        with world.database.write() as connection:
            connection.exec_driver_sql("update user_tokens set logged_in_at = null")
        assert not world.departures.deauthorize(world.asks(later=-3600)).outdated
        assert world.vault.users() == []

    def test_a_login_that_is_just_being_stored_counts(self, world: World) -> None:
        world.log_in(ADA, ONE)
        request, found = world.asks(), list[Departure]()
        thread = threading.Thread(
            target=lambda: found.append(world.departures.deauthorize(request))
        )
        with world.database.write() as connection:
            connection.execute(update(user_tokens).values(logged_in_at=world.seconds + 60))
            thread.start()
            if not world.database.is_sqlite:  # SQLite lets nobody in who would write
                waiting = text("select count(*) from pg_locks where not granted")
                wait_until(lambda: connection.execute(waiting).scalar_one() > 0, "the lock")
        thread.join()
        assert found[0].outdated
        assert world.vault.users() == [ADA]


class TestSharedPage:
    """ONE is opened by Ada and Bo, TWO by Ada alone."""

    @pytest.fixture
    def shared(self, world: World) -> World:
        world.log_in(ADA, ONE, TWO)
        world.seconds += 60
        world.log_in(BO, ONE)
        world.mirror(ONE, TWO)
        return world

    def test_it_stays_with_the_other_person(self, shared: World) -> None:
        departure = shared.departures.deauthorize(shared.asks())
        assert (departure.logins, departure.page_tokens) == (1, 2)
        assert shared.vault.owners() == {ONE: BO.user_id}
        assert set(shared.parked()) == {TWO}
        assert shared.departures.pages_left() == [TWO]
        shared.inbox.mark([ONE, TWO], "webhook")
        assert [claim.page_id for claim in shared.inbox.claim(50)] == [ONE]

    def test_after_the_last_person_it_is_parked(self, shared: World) -> None:
        shared.departures.log_out(BO.user_id)
        assert shared.parked() == {}
        assert shared.vault.owners() == {ONE: ADA.user_id, TWO: ADA.user_id}
        shared.departures.delete_data(shared.asks())
        assert set(shared.parked()) == {ONE, TWO}
        assert sorted(shared.departures.pages_left()) == [ONE, TWO]
        assert shared.vault.page_ids() == []

    def test_two_who_leave_at_the_same_moment_leave_it_parked(self, shared: World) -> None:
        start = threading.Barrier(2)

        def leave(person: UserToken) -> None:
            start.wait()
            shared.departures.log_out(person.user_id)

        threads = [threading.Thread(target=leave, args=[person]) for person in (ADA, BO)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(shared.parked()) == {ONE, TWO}

    def test_who_leaves_waits_for_another_who_is_leaving(self, shared: World) -> None:
        thread = threading.Thread(target=shared.departures.log_out, args=[ADA.user_id])
        with shared.database.write() as connection:
            connection.execute(delete(page_accesses).where(page_accesses.c.user_id == BO.user_id))
            thread.start()
            if not shared.database.is_sqlite:  # SQLite lets nobody in who would write
                waiting = text("select count(*) from pg_locks where not granted")
                wait_until(lambda: connection.execute(waiting).scalar_one() > 0, "the lock")
        thread.join()
        assert set(shared.parked()) == {ONE, TWO}


class TestDeletion:
    def test_nothing_of_the_person_is_left_in_any_table(self, world: World) -> None:
        world.log_in(ADA, ONE)
        world.mirror(ONE)
        world.inbox.record([event('{"from": {"id": "218471", "name": "Ada Byron"}}', ONE)])
        world.inbox.record([event('{"entry": "unconcerned"}', ONE)])
        RateBudget(world.database, COMMANDS, world.now).note({person_limit("218471"): Limit(80)})
        assert "person 218471" in world.rows()
        departure = world.departures.delete_data(world.asks())
        assert (departure.logins, departure.page_tokens, departure.events) == (1, 1, 1)
        left = world.rows()
        for private in ("218471", "Ada", "EAAada"):
            assert private not in left
        assert "unconcerned" in left
        assert world.inbox.pages()[ONE].last == stored(ONE)
        assert "asked for the deletion of their data on 2023-11-14" in str(world.parked()[ONE])

    def test_a_deleted_event_leaves_no_link_and_its_mark_stays(self, world: World) -> None:
        world.log_in(ADA, ONE)
        world.inbox.record([event('{"from": {"id": "218471"}}', TWO)])
        world.inbox.record([event('{"entry": "unconcerned"}', THREE)])
        world.departures.delete_data(world.asks())
        with world.database.read() as connection:
            left = connection.execute(select(delivery_pages.c.page_id)).scalars().all()
        assert left == [THREE]
        assert [claim.page_id for claim in world.inbox.claim(50)] == [TWO, THREE]

    def test_the_sqlite_file_keeps_no_trace_of_what_was_deleted(self, tmp_path: Path) -> None:
        with closing(Database(sqlite_url(tmp_path / "g.sqlite3"))) as database:
            world = World(database)
            world.log_in(ADA, ONE)
            world.departures.delete_data(world.asks())
        data = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert b"Page 1" not in data
        assert b"Ada Byron" not in data

    def test_it_is_found_by_its_code_and_nothing_else_is(self, world: World) -> None:
        world.log_in(ADA, ONE)
        left = world.departures.deauthorize(world.asks())
        deletion = world.departures.delete_data(world.asks())
        found = world.departures.find_deletion(deletion.code)
        assert found is not None
        assert (found.asked_at, found.done_at) == (deletion.asked_at, deletion.done_at)
        assert world.departures.find_deletion(left.code) is None
        assert world.departures.find_deletion("") is None
        assert world.departures.find_deletion("%") is None

    def test_codes_cannot_be_guessed(self, world: World) -> None:
        codes = {world.departures.delete_data(world.asks(user)).code for user in (ADA, BO)}
        assert len(codes) == 2
        assert all(len(code) == 32 for code in codes)

    def test_the_code_stays_the_same_until_the_person_logs_in_again(self, world: World) -> None:
        codes = []
        for _ in range(2):
            world.log_in(ADA, ONE)
            for _ in range(3):
                codes.append(world.departures.delete_data(world.asks()).code)
                world.seconds += 60
        assert codes == [codes[0]] * 3 + [codes[3]] * 3
        assert codes[0] != codes[3]

    def test_one_that_is_older_than_the_login_says_so_under_a_code_of_its_own(
        self, world: World
    ) -> None:
        world.log_in(ADA, ONE)
        first = world.departures.delete_data(world.asks())
        late = world.asks(later=60)
        world.seconds += 120
        world.log_in(ADA, ONE)
        outdated = world.departures.delete_data(late)
        assert outdated.code != first.code
        found = world.departures.find_deletion(outdated.code)
        assert found is not None
        assert found.outdated
        assert world.vault.users() == [ADA]

    def test_one_after_an_outdated_one_is_done_even_if_nothing_is_left_to_delete(
        self, world: World
    ) -> None:
        old = world.asks(later=-60)
        world.log_in(ADA, ONE)
        outdated = world.departures.delete_data(old)
        world.departures.log_out(ADA.user_id)
        done = world.departures.delete_data(world.asks())
        assert (outdated.outdated, done.outdated) == (True, False)
        assert done.code != outdated.code

    def test_two_at_the_same_moment_do_it_once(self, world: World) -> None:
        world.log_in(ADA, ONE, TWO)
        start, found = threading.Barrier(2), list[Departure]()

        def ask() -> None:
            start.wait()
            found.append(world.departures.delete_data(world.asks()))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found[0].code == found[1].code
        assert sorted(departure.is_new for departure in found) == [False, True]
        assert world.recorded() == 1


class TestWorker:
    """A page that is being refreshed at the moment when its access is withdrawn."""

    def test_finishing_stores_the_version_and_leaves_the_page_parked(self, world: World) -> None:
        world.log_in(ADA, ONE)
        claim = world.claim(ONE)
        world.departures.deauthorize(world.asks())
        world.inbox.finish(claim, stored(ONE))
        assert "removed the app" in str(world.parked()[ONE])
        assert world.inbox.pages()[ONE].last == stored(ONE)
        world.inbox.mark([ONE], "webhook")
        assert world.inbox.claim(50) == []

    def test_a_worker_in_the_middle_of_a_read_does_not_bring_the_page_back(
        self, world: World, tmp_path: Path
    ) -> None:
        def read_and_leave(page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
            world.departures.deauthorize(world.asks())
            fetched = datetime.fromtimestamp(world.seconds, UTC)
            return {page: PageSnapshot(page, {"id": page}, fetched, "v26.0") for page in page_ids}

        world.log_in(ADA, ONE)
        world.inbox.record([event("one", ONE)])
        store = DirectoryStore(tmp_path / "store", "facebook")
        refresher = Refresher(world.inbox, store, read_and_leave)
        (outcome,) = refresher.refresh()
        assert outcome.kind == "stored"
        world.inbox.record([event("another", ONE)])
        assert refresher.refresh() == []
        assert "removed the app" in str(world.parked()[ONE])

    def test_putting_it_off_leaves_it_parked_with_its_reason(self, world: World) -> None:
        world.log_in(ADA, ONE)
        claim = world.claim(ONE)
        world.departures.deauthorize(world.asks())
        at = datetime.fromtimestamp(world.seconds, UTC) - timedelta(seconds=1)
        world.inbox.retry(claim, at, "Facebook cannot be reached.")
        assert "removed the app" in str(world.parked()[ONE])
        assert world.inbox.claim(50) == []

    def test_parking_it_keeps_the_first_reason(self, world: World) -> None:
        world.log_in(ADA, ONE)
        claim = world.claim(ONE)
        world.departures.deauthorize(world.asks())
        world.inbox.park(claim, "The token was refused.")
        assert "removed the app" in str(world.parked()[ONE])

    def test_a_login_and_a_leaving_during_one_read_leave_it_parked(self, world: World) -> None:
        world.log_in(ADA, ONE)
        claim = world.claim(ONE)
        world.inbox.unpark([ONE])
        world.departures.deauthorize(world.asks())
        assert world.inbox.park(claim, "The token was refused.") is True
        assert "removed the app" in str(world.parked()[ONE])

    def test_a_leaving_and_a_login_during_one_read_leave_it_due(self, world: World) -> None:
        world.log_in(ADA, ONE)
        claim = world.claim(ONE)
        world.departures.deauthorize(world.asks())
        world.log_in(ADA, ONE)
        world.inbox.unpark([ONE])
        assert world.inbox.park(claim, "The token was refused.") is False
        assert [again.page_id for again in world.inbox.claim(50)] == [ONE]

    def test_unparked_it_goes_its_usual_way_again(self, world: World) -> None:
        world.log_in(ADA, ONE)
        world.mirror(ONE)
        world.departures.deauthorize(world.asks())
        world.log_in(ADA, ONE)
        world.inbox.unpark([ONE])
        assert world.departures.pages_left() == []
        world.inbox.park(world.claim(ONE), "The token was refused.")
        assert world.parked() == {ONE: "The token was refused."}


class TestLogOut:
    def test_one_person_goes_and_the_others_stay(self, world: World) -> None:
        world.log_in(ADA, ONE)
        world.log_in(BO, THREE)
        departure = world.departures.log_out(ADA.user_id)
        assert (departure.logins, departure.page_tokens) == (1, 1)
        assert world.vault.users() == [BO]
        assert "logged out (fbsync logout) on 2023-11-14" in str(world.parked()[ONE])

    def test_metas_call_for_the_same_leaving_finds_it_done(self, world: World) -> None:
        world.log_in(ADA, ONE)
        world.departures.log_out(ADA.user_id)
        departure = world.departures.deauthorize(world.asks())
        assert (departure.logins, departure.page_tokens, departure.is_new) == (0, 0, True)
        assert "logged out" in str(world.parked()[ONE])
