"""From settings to working parts: what is picked, where it lies, and who may read it."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.errors import FbsyncError, NoAccess, SettingsError, TokenRefused
from fbsync.page import PageAccess, PageSnapshot, UserToken
from fbsync.settings.database import DatabaseSettings
from fbsync.settings.facebook import AppSettings
from fbsync.wiring import Access
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
from tests.servers import PostgresServer, Sandbox


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
        parts = list(access.lists.poll(keep_tokens=True, refused=refused.__setitem__))
        assert [one.page_id for part in parts for one in part] == [ONE, TWO, THREE]
        assert {name: type(error) for name, error in refused.items()} == {"Sam": TokenRefused}

    def test_where_nothing_can_be_opened_no_page_is_to_blame(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        other = DatabaseSettings(None, (Fernet.generate_key().decode(),))
        with opened(*sandbox_app(sandbox), other) as wrong:
            for call in (
                lambda: wrong.read_pages([TWO]),
                lambda: list(wrong.lists.poll(keep_tokens=True, refused=unexpected)),
            ):
                with pytest.raises(TokenRefused, match="FBSYNC_TOKEN_KEY"):
                    call()


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
