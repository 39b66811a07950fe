"""The lists of all people who logged in, and what becomes of them where one cannot be read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fbsync.errors import (
    CallRefused,
    FbsyncError,
    GraphUnavailable,
    NoAccess,
    PageGone,
    PermissionMissing,
    RateLimited,
    TokenRefused,
)
from fbsync.hallway.refresh import Outcome
from fbsync.page import PageAccess, PageId, UserToken
from fbsync.sandbox.tokens import user_token
from fbsync.sandbox.world import World
from fbsync.store.directory import DirectoryStore
from fbsync.sync.difference import Difference
from fbsync.sync.report import SyncReport
from fbsync.sync.run import SyncRun
from fbsync.sync.sync import Poll
from fbsync.wiring import Access
from tests import servers
from tests.instant import NO_PATIENCE
from tests.opened_access import (
    APP,
    DEFAULT,
    GRAPH,
    ONE,
    THREE,
    TWO,
    opened,
    sandbox_app,
    unexpected,
)
from tests.servers import SCOPES, Sandbox


def test_a_poll_before_the_first_login_says_so() -> None:
    with (
        opened(APP, GRAPH, DEFAULT) as access,
        pytest.raises(NoAccess, match="Run: fbsync login"),
    ):
        list(access.lists.poll(keep_tokens=True, refused=unexpected))


@pytest.mark.parametrize("keep", [True, False])
def test_a_poll_keeps_new_tokens_if_it_may(sandbox: Sandbox, keep: bool) -> None:
    with opened(*sandbox_app(sandbox), DEFAULT) as access:
        access.vault.save(UserToken("7", "Sam", sandbox.log_in()), [])
        for _ in range(2):
            parts = list(access.lists.poll(keep_tokens=keep, refused=unexpected))
            ids = [snapshot.page_id for part in parts for snapshot in part]
            assert ids == sandbox.world.page_ids
        assert len(access.vault.page_ids()) == (3 if keep else 0)


def test_the_poll_of_a_person_who_leaves_meanwhile_ends_and_keeps_nothing() -> None:
    with (
        servers.sandbox(World(page_count=150)) as sandbox,
        opened(*sandbox_app(sandbox), DEFAULT) as access,
    ):
        access.vault.save(UserToken("7", "Sam", sandbox.log_in()), [])
        polled = access.lists.poll(keep_tokens=True, refused=unexpected)
        assert len(next(polled)) == 100
        access.departures.log_out("7")
        assert list(polled) == []
        assert access.vault.page_ids() == []


def test_a_page_that_another_person_reaches_comes_back_with_the_next_sync(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with opened(*sandbox_app(sandbox), DEFAULT) as access:
        refresher = access.refresher(DirectoryStore(tmp_path, "facebook"))

        def sync() -> dict[PageId, str]:
            found = list[Outcome | Difference]()
            poll = Poll(access.inbox, refresher, found.append)
            parts = access.lists.poll(keep_tokens=True, refused=unexpected)
            poll.run(parts, access.lists.known_pages())
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
        parts = list(access.lists.poll(keep_tokens=True, refused=refused.__setitem__))
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
        parts = access.lists.poll(keep_tokens=True, refused=report.refuse)
        poll.run(parts, access.vault.page_ids())
        assert report.counts == {"stored": 2}
        assert report.needs_attention
        assert [name for name, _ in report.refused] == ["Ann"]


class TestSharedPages:
    """Two people both manage all three pages; each list gives a token of its own."""

    @pytest.fixture
    def access(self, sandbox: Sandbox) -> Iterator[Access]:
        with opened(*sandbox_app(sandbox), DEFAULT, patience=NO_PATIENCE) as access:
            for person in ("1", "2"):
                access.vault.save(UserToken(person, person, sandbox.log_in()), [])
            yield access

    def poll(self, access: Access) -> None:
        for _ in access.lists.poll(keep_tokens=True, refused=unexpected):
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
        parts = list(access.lists.poll(keep_tokens=True, refused=refused.__setitem__))
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
                list(access.lists.poll(keep_tokens=True, refused=unexpected))
            assert caught.value.of_app

    def test_where_every_list_fails_for_now_the_poll_does(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        fault = {"name": "transient", "path": "me/accounts", "times": 2}
        sandbox.client.post("/_sandbox/faults", json=fault)
        with pytest.raises(GraphUnavailable, match="code 2"):
            list(access.lists.poll(keep_tokens=True, refused=unexpected))

    def test_where_facebook_cannot_be_reached_nobody_elses_list_is_tried(self) -> None:
        answers = list[str]()
        with opened(APP, GRAPH, DEFAULT, patience=NO_PATIENCE, answered=answers.append) as access:
            for person in ("1", "2"):
                access.vault.save(UserToken(person, person, "EAAuser"), [])
            with pytest.raises(GraphUnavailable, match="cannot be reached"):
                list(access.lists.poll(keep_tokens=True, refused=unexpected))
        assert answers == ["none"]

    def test_an_app_secret_that_is_wrong_ends_the_poll(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        sandbox.world.app_secret = "another"  # noqa: S105 - made up
        with pytest.raises(CallRefused, match="do not fit together"):
            list(access.lists.poll(keep_tokens=True, refused=unexpected))

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
