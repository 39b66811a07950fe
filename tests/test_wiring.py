"""From settings to working parts: what is picked, where it lies, and who may read it."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.errors import (
    CallRefused,
    FbsyncError,
    GraphUnavailable,
    NoAccess,
    PageGone,
    PermissionMissing,
    RateLimited,
    SettingsError,
    TokenRefused,
)
from fbsync.hallway.refresh import Outcome
from fbsync.page import PageAccess, PageId, PageSnapshot, UserToken
from fbsync.sandbox.tokens import user_token
from fbsync.sandbox.world import World
from fbsync.settings.database import DatabaseSettings
from fbsync.settings.facebook import AppSettings, GraphSettings
from fbsync.store.directory import DirectoryStore
from fbsync.sync.difference import Difference
from fbsync.sync.report import SyncReport
from fbsync.sync.run import SyncRun
from fbsync.sync.sync import Poll
from fbsync.wiring import Access, open_access
from tests import servers
from tests.instant import NO_PATIENCE
from tests.servers import SCOPES, PostgresServer, Sandbox

APP = AppSettings("123456789012345", "secret")
GRAPH = GraphSettings("http://127.0.0.1:1", "v26.0", ("id", "name"))
DEFAULT = DatabaseSettings(None, ())
ONE, TWO, THREE = (PageId(f"20000000000000{number}") for number in (1, 2, 3))
DEAD = PageAccess(TWO, "", "EAAdead")
opened = partial(open_access, warn=print, makes_database=True)


def unexpected(name: str, error: FbsyncError) -> None:
    pytest.fail(f"the list of {name} was refused: {error}")


def sandbox_app(sandbox: Sandbox) -> tuple[AppSettings, GraphSettings]:
    world = sandbox.world
    graph = GraphSettings(sandbox.url, "v26.0", ("id", "name"))
    return AppSettings(world.app_id, world.app_secret), graph


class TestAccess:
    def test_the_default_database_and_key_are_the_owners_alone(self) -> None:
        with opened(APP, GRAPH, DEFAULT):
            pass
        (folder,) = Path.home().rglob("123456789012345")
        assert folder.parent.name == "fbsync"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("fbsync.sqlite3", "token.key"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600

    def test_a_key_of_ones_own_leaves_no_key_file(self) -> None:
        with opened(APP, GRAPH, DatabaseSettings(None, (Fernet.generate_key().decode(),))):
            pass
        assert list(Path.home().rglob("token.key")) == []

    def test_what_one_process_stores_the_next_one_reads(self) -> None:
        access = PageAccess(ONE, "Bakery", "EAApage")
        with opened(APP, GRAPH, DEFAULT) as first:
            first.vault.save(UserToken("7", "Anna", "EAAuser"), [access])
        with opened(APP, GRAPH, DEFAULT) as second:
            assert second.vault.accesses() == {ONE: access}

    def test_each_app_has_a_database_of_its_own(self) -> None:
        with opened(APP, GRAPH, DEFAULT) as one:
            one.vault.save(UserToken("7", "Anna", "EAAuser"), [])
        with opened(AppSettings("999999999999999", "secret"), GRAPH, DEFAULT) as other:
            assert other.vault.users() == []

    def test_postgresql_serves_as_well(self, postgresql: PostgresServer) -> None:
        keys = (Fernet.generate_key().decode(),)
        settings = DatabaseSettings(postgresql.new_database(), keys)
        access = PageAccess(ONE, "Bakery", "EAApage")
        with opened(APP, GRAPH, settings) as first:
            first.vault.save(UserToken("7", "Anna", "EAAuser"), [access])
        with opened(APP, GRAPH, settings) as second:
            assert second.vault.accesses() == {ONE: access}
        assert list(Path.home().rglob("*.sqlite3")) == []

    def test_postgresql_without_a_key_is_a_fault(self, postgresql: PostgresServer) -> None:
        settings = DatabaseSettings(postgresql.new_database(), ())
        with (
            pytest.raises(SettingsError, match="FBSYNC_TOKEN_KEY"),
            opened(APP, GRAPH, settings),
        ):
            pytest.fail("tokens would be stored in the clear")


class TestReading:
    def test_a_page_without_a_token_is_told_apart(self, sandbox: Sandbox) -> None:
        with opened(*sandbox_app(sandbox), DEFAULT) as access:
            user = sandbox.log_in()
            own = PageAccess(ONE, "", sandbox.page_token(user, ONE))
            access.vault.save(UserToken("7", "Sam", user), [own])
            found = access.read_pages([ONE, PageId("2")])
        told = found[PageId("2")]  # an event named it, and a login would not help
        assert isinstance(told, NoAccess)
        assert str(told) == "Nobody who logged in manages this page, and there is no copy of it."
        assert getattr(found[ONE], "fields", None) == {"id": ONE, "name": "Café Zeitgeist"}

    def test_a_page_whose_best_token_is_refused_is_read_with_another_persons(
        self, sandbox: Sandbox
    ) -> None:
        with opened(*sandbox_app(sandbox), DEFAULT) as access:
            good = PageAccess(ONE, "", sandbox.page_token(sandbox.log_in(), ONE), ("ANALYZE",))
            access.vault.save(UserToken("7", "Sam", "EAAsam"), [good])
            access.vault.save(UserToken("8", "Ann", "EAAann"), [replace(DEAD, page_id=ONE), DEAD])
            found = access.read_pages([ONE, TWO, THREE])
        assert isinstance(found[ONE], PageSnapshot)
        assert isinstance(found[TWO], TokenRefused)
        assert isinstance(found[THREE], NoAccess)

    def test_where_all_tokens_are_refused_the_reason_of_the_best_is_told(
        self, sandbox: Sandbox
    ) -> None:
        with opened(*sandbox_app(sandbox), DEFAULT) as access:
            ended = PageAccess(TWO, "", sandbox.page_token(sandbox.log_in(), TWO))
            sandbox.client.post("/_sandbox/tokens/revoke", json={"page_id": TWO})
            access.vault.save(UserToken("7", "Sam", "EAAsam"), [replace(DEAD, tasks=("ANALYZE",))])
            access.vault.save(UserToken("8", "Ann", "EAAann"), [ended])
            found = access.read_pages([TWO])
        assert "changed their password" in str(found[TWO])

    def test_where_the_best_token_works_no_other_is_tried(self, sandbox: Sandbox) -> None:
        with opened(*sandbox_app(sandbox), DEFAULT) as access:
            good = PageAccess(TWO, "", sandbox.page_token(sandbox.log_in(), TWO), ("MANAGE",))
            access.vault.save(UserToken("7", "Sam", "EAAsam"), [good])
            access.vault.save(UserToken("8", "Ann", "EAAann"), [replace(DEAD, tasks=("ANALYZE",))])
            sandbox.world.calls.clear()
            assert isinstance(access.read_pages([TWO])[TWO], PageSnapshot)
        assert len(sandbox.world.calls) == 1

    def test_nothing_is_asked_of_facebook_without_a_token(self) -> None:
        with opened(APP, GRAPH, DEFAULT) as access:
            told = access.read_pages([ONE])[ONE]
        assert isinstance(told, NoAccess)
        assert "Run: fbsync login" in str(told)

    def test_a_poll_before_the_first_login_says_so(self) -> None:
        with (
            opened(APP, GRAPH, DEFAULT) as access,
            pytest.raises(NoAccess, match="Run: fbsync login"),
        ):
            list(access.poll(keep_tokens=True, refused=unexpected))

    @pytest.mark.parametrize("keep", [True, False])
    def test_a_poll_keeps_new_tokens_if_it_may(self, sandbox: Sandbox, keep: bool) -> None:
        with opened(*sandbox_app(sandbox), DEFAULT) as access:
            access.vault.save(UserToken("7", "Sam", sandbox.log_in()), [])
            for _ in range(2):
                parts = list(access.poll(keep_tokens=keep, refused=unexpected))
                ids = [snapshot.page_id for part in parts for snapshot in part]
                assert ids == sandbox.world.page_ids
            assert len(access.vault.page_ids()) == (3 if keep else 0)

    def test_the_poll_of_a_person_who_leaves_meanwhile_ends_and_keeps_nothing(self) -> None:
        with (
            servers.sandbox(World(page_count=150)) as sandbox,
            opened(*sandbox_app(sandbox), DEFAULT) as access,
        ):
            access.vault.save(UserToken("7", "Sam", sandbox.log_in()), [])
            polled = access.poll(keep_tokens=True, refused=unexpected)
            assert len(next(polled)) == 100
            access.departures.log_out("7")
            assert list(polled) == []
            assert access.vault.page_ids() == []

    def test_a_page_that_another_person_reaches_comes_back_with_the_next_sync(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        with opened(*sandbox_app(sandbox), DEFAULT) as access:
            refresher = access.refresher(DirectoryStore(tmp_path, "facebook"))

            def sync() -> dict[PageId, str]:
                found = list[Outcome | Difference]()
                poll = Poll(access.inbox, refresher, found.append)
                parts = access.poll(keep_tokens=True, refused=unexpected)
                poll.run(parts, access.known_pages())
                return {one.page_id: one.kind for one in found if isinstance(one, Outcome)}

            scopes = frozenset(SCOPES.split(","))
            login = sandbox.world.new_login(scopes, frozenset([ONE]), is_long=True)
            access.vault.save(UserToken("9", "Ada", sandbox.log_in()), [])
            assert set(sync().values()) == {"stored"}
            access.departures.log_out("9")
            states = access.inbox.pages()
            assert all(state.parked for state in states.values())
            access.vault.save(UserToken("8", "Bo", user_token(sandbox.world, login)), [])
            assert sync() == {ONE: "unchanged", TWO: "parked", THREE: "parked"}
            assert not access.inbox.pages()[ONE].parked
            assert access.vault.page_ids() == [ONE]
            assert "logged out" in str(access.inbox.pages()[TWO].reason)


class TestTwoPeople:
    @pytest.fixture
    def access(self, sandbox: Sandbox) -> Iterator[Access]:
        """Ann's login is expired, her pages' tokens are not; Sam's is in order."""
        ann = sandbox.log_in(shown="1", grant=SCOPES.split(","), page=ONE)
        (login,) = [login for login in sandbox.world.logins.values() if login.is_long]
        own = PageAccess(ONE, "", sandbox.page_token(ann, ONE))
        sandbox.client.post(
            "/_sandbox/tokens/expiry", json={"login": login.number, "expires_in": -60}
        )
        with opened(*sandbox_app(sandbox), DEFAULT) as access:
            access.vault.save(UserToken("1", "Ann", ann), [own])
            sam = sandbox.log_in(shown="1", grant=SCOPES.split(","), page=[TWO])
            access.vault.save(UserToken("2", "Sam", sam), [])
            yield access

    def test_a_refused_token_is_told_and_the_other_persons_pages_are_polled(
        self, access: Access
    ) -> None:
        refused: dict[str, FbsyncError] = {}
        parts = list(access.poll(keep_tokens=True, refused=refused.__setitem__))
        assert [snapshot.page_id for part in parts for snapshot in part] == [TWO]
        assert list(refused) == ["Ann"]
        assert isinstance(refused["Ann"], TokenRefused)
        assert access.vault.page_ids() == [ONE, TWO]

    def test_sync_goes_on_with_both_peoples_pages_and_needs_attention(
        self, access: Access, tmp_path: Path
    ) -> None:
        report = SyncReport()
        store = DirectoryStore(tmp_path, "facebook")
        poll = Poll(access.inbox, access.refresher(store), report.add)
        poll.run(access.poll(keep_tokens=True, refused=report.refuse), access.vault.page_ids())
        assert report.counts == {"stored": 2}
        assert report.needs_attention
        assert [name for name, _ in report.refused] == ["Ann"]


class TestOtherKey:
    """After a change of the key Ann logged in anew, as she was told; Sam did not."""

    @pytest.fixture
    def access(self, sandbox: Sandbox) -> Iterator[Access]:
        token = sandbox.log_in()
        one, two = (PageAccess(page, "", sandbox.page_token(token, page)) for page in (ONE, TWO))
        old, new = (DatabaseSettings(None, (Fernet.generate_key().decode(),)) for _ in range(2))
        with opened(*sandbox_app(sandbox), old) as access:
            access.vault.save(UserToken("1", "Sam", token), [one, two])
        with opened(*sandbox_app(sandbox), new) as access:
            access.vault.save(UserToken("2", "Ann", token), [one])
            yield access

    def test_a_page_that_only_he_opened_fails_alone(self, access: Access) -> None:
        found = access.read_pages([ONE, TWO, THREE])
        assert isinstance(found[ONE], PageSnapshot)
        assert isinstance(found[TWO], TokenRefused)
        assert isinstance(found[THREE], NoAccess)

    def test_the_poll_tells_of_him_and_lists_her_pages(self, access: Access) -> None:
        refused: dict[str, FbsyncError] = {}
        parts = list(access.poll(keep_tokens=True, refused=refused.__setitem__))
        assert [one.page_id for part in parts for one in part] == [ONE, TWO, THREE]
        assert {name: type(error) for name, error in refused.items()} == {"Sam": TokenRefused}

    def test_where_nothing_can_be_opened_no_page_is_to_blame(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        other = DatabaseSettings(None, (Fernet.generate_key().decode(),))
        with opened(*sandbox_app(sandbox), other) as wrong:
            for call in (
                lambda: wrong.read_pages([TWO]),
                lambda: list(wrong.poll(keep_tokens=True, refused=unexpected)),
            ):
                with pytest.raises(TokenRefused, match="FBSYNC_TOKEN_KEY"):
                    call()


class TestSharedPages:
    """Two people both manage all three pages; each list gives a token of its own."""

    @pytest.fixture
    def access(self, sandbox: Sandbox) -> Iterator[Access]:
        with opened(*sandbox_app(sandbox), DEFAULT, patience=NO_PATIENCE) as access:
            for person in ("1", "2"):
                access.vault.save(UserToken(person, person, sandbox.log_in()), [])
            yield access

    def poll(self, access: Access) -> None:
        for _ in access.poll(keep_tokens=True, refused=unexpected):
            pass

    def test_a_poll_keeps_both_and_a_second_one_rewrites_nothing(self, access: Access) -> None:
        self.poll(access)
        for person in ("1", "2"):
            assert set(access.vault.accesses(user_id=person)) == {ONE, TWO, THREE}
        assert access.vault.accesses(user_id="1") != access.vault.accesses(user_id="2")
        before = rows(access)
        self.poll(access)
        assert rows(access) == before  # a token that is sealed anew has other bytes

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            ("bad-parameter", CallRefused),
            ("gone", PageGone),
            ("permission", PermissionMissing),
            ("token-expired", TokenRefused),
            ("user-throttle", RateLimited),
            ("transient", GraphUnavailable),
            ("null", GraphUnavailable),
        ],
    )
    def test_what_is_wrong_with_one_persons_list_leaves_the_others_alone(
        self, access: Access, sandbox: Sandbox, fault: str, kind: type[FbsyncError]
    ) -> None:
        sandbox.client.post("/_sandbox/faults", json={"name": fault, "path": "me/accounts"})
        refused: dict[str, FbsyncError] = {}
        parts = list(access.poll(keep_tokens=True, refused=refused.__setitem__))
        assert [one.page_id for part in parts for one in part] == [ONE, TWO, THREE]
        assert {name: type(error) for name, error in refused.items()} == {"1": kind}

    def test_a_run_that_lacks_one_persons_list_does_not_count_as_one_of_all_pages(
        self, access: Access, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        report = SyncReport()
        store = DirectoryStore(tmp_path, "facebook")
        run = SyncRun(
            access, store, [], report.add, report.add_unchanged, report.refuse, report.miss
        )
        sandbox.client.post("/_sandbox/faults", json={"name": "transient", "path": "me/accounts"})
        run.over_all([], by_the_clock=False)
        assert report.counts == {"stored": 3}
        assert report.needs_attention
        assert access.last_sync.ended_at() is None
        run.over_all([], by_the_clock=False)
        assert access.last_sync.ended_at() is not None

    def test_nor_does_a_run_that_the_end_of_the_process_cut_short(
        self, access: Access, tmp_path: Path
    ) -> None:
        report = SyncReport()
        store = DirectoryStore(tmp_path, "facebook")
        run = SyncRun(
            access,
            store,
            [],
            report.add,
            report.add_unchanged,
            report.refuse,
            report.miss,
            ends=lambda: True,
        )
        run.over_all([], by_the_clock=True)
        assert report.counts == {}
        assert access.last_sync.ended_at() is None

    def test_a_limit_of_the_app_ends_the_poll(self, access: Access, sandbox: Sandbox) -> None:
        for _ in range(2):  # the second time, a limit that is used up is known from the first
            sandbox.client.post(
                "/_sandbox/faults", json={"name": "throttle", "path": "me/accounts"}
            )
            with pytest.raises(RateLimited) as caught:
                list(access.poll(keep_tokens=True, refused=unexpected))
            assert caught.value.of_app

    def test_where_every_list_fails_for_now_the_poll_does(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        fault = {"name": "transient", "path": "me/accounts", "times": 2}
        sandbox.client.post("/_sandbox/faults", json=fault)
        with pytest.raises(GraphUnavailable, match="code 2"):
            list(access.poll(keep_tokens=True, refused=unexpected))

    def test_where_facebook_cannot_be_reached_nobody_elses_list_is_tried(self) -> None:
        answers = list[str]()
        with opened(APP, GRAPH, DEFAULT, patience=NO_PATIENCE, answered=answers.append) as access:
            for person in ("1", "2"):
                access.vault.save(UserToken(person, person, "EAAuser"), [])
            with pytest.raises(GraphUnavailable, match="cannot be reached"):
                list(access.poll(keep_tokens=True, refused=unexpected))
        assert answers == ["none"]

    def test_an_app_secret_that_is_wrong_ends_the_poll(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        sandbox.world.app_secret = "another"  # noqa: S105 - made up
        with pytest.raises(CallRefused, match="do not fit together"):
            list(access.poll(keep_tokens=True, refused=unexpected))

    def test_a_changed_access_alone_is_written(self, access: Access, sandbox: Sandbox) -> None:
        self.poll(access)
        before = rows(access)
        sandbox.client.post(f"/_sandbox/pages/{TWO}", json={"name": "New name"})
        self.poll(access)
        changed = {key for key, row in rows(access).items() if row != before[key]}
        assert changed == {(TWO, "1"), (TWO, "2")}


def rows(access: Access) -> dict[tuple[str, str], tuple[object, ...]]:
    """The stored accesses as they stand in the database."""
    (file,) = Path.home().rglob("fbsync.sqlite3")
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("select * from page_accesses").fetchall()
    return {(row[0], row[1]): tuple(row) for row in found}


class TestExpiry:
    def save(self, until: datetime | None, data_until: datetime | None = None) -> None:
        with opened(APP, GRAPH, DEFAULT, warn_of_expiry=False) as access:
            access.vault.save(UserToken("7", "Anna", "EAAuser", until, data_until), [])

    @pytest.mark.parametrize("of_data", [False, True])
    def test_whoever_opens_graph_access_is_warned_of_an_end(self, of_data: bool) -> None:
        soon = datetime.now(UTC) + timedelta(days=6)
        self.save(None if of_data else soon, soon if of_data else None)
        warned: list[str] = []
        with opened(APP, GRAPH, DEFAULT, warn=warned.append):
            pass
        (warning,) = warned
        assert "Anna" in warning
        assert "fbsync login" in warning

    def test_a_login_itself_is_not(self) -> None:
        self.save(datetime.now(UTC) - timedelta(days=6))
        warned: list[str] = []
        with opened(APP, GRAPH, DEFAULT, warn=warned.append, warn_of_expiry=False):
            pass
        assert warned == []

    def test_an_end_that_is_far_is_no_news(self) -> None:
        self.save(datetime.now(UTC) + timedelta(days=59))
        warned: list[str] = []
        with opened(APP, GRAPH, DEFAULT, warn=warned.append):
            pass
        assert warned == []
