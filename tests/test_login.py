"""Login: the dialog's address and answer, then a code that becomes stored tokens."""

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
import respx
from cryptography.fernet import Fernet

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.vault import Vault
from fbsync.errors import (
    DatabaseUnavailable,
    FbsyncError,
    GraphUnavailable,
    LoginFailed,
    RateLimited,
)
from fbsync.graph.accounts import Accounts
from fbsync.graph.call import GraphConnection
from fbsync.graph.oauth import OAuth
from fbsync.login.discovery import NO_PAGES, NO_TASK, PageProblem
from fbsync.login.login import Dialog, LoggedIn, ask_for_code, ask_for_paste, log_in
from fbsync.page import PageAccess, PageId, UserToken
from tests.graph_wire import Meta, item
from tests.instant import NO_PATIENCE
from tests.ports import free_port
from tests.test_listening_application import locked
from tests.test_loopback import DENIAL, listener

PATH = "/facebook/callback"
REDIRECT = f"http://localhost:5000{PATH}"
ONE, TWO = PageId("1"), PageId("2")
ANNA = {"id": "77", "name": "Anna"}
EXCHANGED = [{"access_token": "EAAshort"}, {"access_token": "EAAuser", "expires_in": 5184000}]
GRANTED = {"data": [{"permission": "pages_show_list", "status": "granted"}]}
FACTS = {"data": {"type": "USER", "is_valid": True, "expires_at": 1_900_000_000}}
GONE = {"error": {"code": 100, "error_subcode": 33, "message": "It failed."}}
SECRETS = ("login-code", "the-secret", "EAAshort", "EAAuser", "EAApage1")


class World:
    """Facebook on respx; vault and inbox on one database file."""

    def __init__(self, database: Database, connection: GraphConnection, meta: Meta) -> None:
        self.database = database
        self.meta = meta
        self.oauth, self.accounts = OAuth(connection), Accounts(connection)
        self.vault = Vault(database, [Fernet.generate_key().decode()])
        self.inbox = DatabaseInbox(database)

    def answer(self, *reads: object) -> None:
        """The exchanges, Anna and her token; then one item for each further read."""
        self.meta.answer_posts("oauth/access_token", *EXCHANGED)
        session = [item(ANNA), item(GRANTED), item(FACTS)]
        self.meta.answer_reads([item(FACTS)], session, *([read] for read in reads))

    def log_in(self) -> LoggedIn:
        return log_in("login-code", REDIRECT, self.oauth, self.accounts, self.vault, self.inbox)

    def park(self, page: PageId) -> None:
        """Set the page aside, as happens where its token is refused."""
        self.inbox.mark([page], "webhook")
        (claim,) = self.inbox.claim(50, [page])
        self.inbox.park(claim, "its token was refused")

    def claimable(self) -> list[PageId]:
        return [claim.page_id for claim in self.inbox.claim(50)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("fbsync.database.engine.LOCK_WAIT_SECONDS", 0.05)
    url = "https://graph.facebook.com"
    with (
        closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database,
        GraphConnection(
            url=url,
            version="v26.0",
            app_id="123456789012345",
            app_secret="the-secret",
            patience=NO_PATIENCE,
        ) as connection,
        respx.mock(base_url=url, assert_all_called=False) as router,
    ):
        yield World(database, connection, Meta(router))


def page(number: int, **changes: object) -> dict[str, object]:
    own = {"id": str(number), "name": f"Page {number}", "tasks": ["MANAGE"]}
    found = own | {"access_token": f"EAApage{number}"} | changes
    return {name: value for name, value in found.items() if value is not None}


def part(*pages: dict[str, object], after: str | None = None) -> dict[str, object]:
    paging = {"cursors": {"after": after}, "next": "https://next.example"} if after else {}
    return item({"data": pages, "paging": paging})


def access(number: int) -> PageAccess:
    return PageAccess(PageId(str(number)), f"Page {number}", f"EAApage{number}", ("MANAGE",))


def error(code: int, status: int = 400) -> dict[str, object]:
    return item({"error": {"code": code, "message": "It failed."}}, status)


class TestTokens:
    def test_a_code_ends_as_stored_tokens_of_the_person_and_all_pages(self, world: World) -> None:
        world.answer(part(page(1), after="a"), part(after="b"), part(page(2)))
        logged_in = world.log_in()
        assert (logged_in.user.user_id, logged_in.user.name) == ("77", "Anna")
        assert logged_in.user.expires_at == datetime.fromtimestamp(1_900_000_000, UTC)
        assert logged_in.user.scopes == ("pages_show_list",)
        assert logged_in.accesses == (access(1), access(2))
        assert logged_in.problems == ()
        assert world.vault.users() == [logged_in.user]
        assert world.vault.users()[0].token == "EAAuser"
        assert world.vault.accesses() == {ONE: access(1), TWO: access(2)}
        assert world.meta.forms[0]["code"] == "login-code"
        assert world.meta.forms[0]["redirect_uri"] == REDIRECT

    @pytest.mark.parametrize("token", [None, ""])
    def test_a_page_without_a_token_is_named_and_the_others_are_kept(
        self, world: World, token: object
    ) -> None:
        alone = page(1, access_token=token)
        world.answer(part(alone, page(2)), item(alone))
        logged_in = world.log_in()
        assert logged_in.problems == (PageProblem(ONE, "Page 1", NO_TASK),)
        assert logged_in.accesses == (access(2),)
        assert world.vault.page_ids() == [TWO]

    def test_a_person_without_pages_is_logged_in(self, world: World) -> None:
        world.answer(part())
        logged_in = world.log_in()
        assert (logged_in.accesses, logged_in.problems) == ((), ())
        assert logged_in.discovery.notes == (NO_PAGES,)
        assert [user.user_id for user in world.vault.users()] == ["77"]

    def test_a_new_login_renews_tokens_and_keeps_those_of_pages_not_listed(
        self, world: World
    ) -> None:
        old = PageAccess(ONE, "Old name", "EAAold")
        world.vault.save(UserToken("77", "Anna", "EAAoldest"), [old, access(2)])
        world.answer(part(page(1)), item(GONE, 400))
        (problem,) = world.log_in().problems
        assert (problem.page_id, problem.name) == (TWO, "Page 2")
        assert world.vault.accesses() == {ONE: access(1), TWO: access(2)}
        assert [user.token for user in world.vault.users()] == ["EAAuser"]

    def test_pages_that_waited_for_a_token_go_on_and_others_stay_parked(self, world: World) -> None:
        world.park(ONE)
        world.park(TWO)
        assert world.claimable() == []
        alone = page(2, access_token=None)
        world.answer(part(page(1), alone), item(alone))
        world.log_in()
        assert world.claimable() == [ONE]
        assert world.inbox.pages()[TWO].parked

    def test_other_peoples_pages_and_tokens_stay(self, world: World) -> None:
        ben = UserToken("88", "Ben", "EAAben")
        other = PageAccess(PageId("3"), "Page 3", "EAApage3")
        world.vault.save(ben, [other])
        world.answer(part(page(1)))
        logged_in = world.log_in()
        assert logged_in.problems == ()
        assert world.vault.accesses() == {ONE: access(1), PageId("3"): other}
        assert [user.user_id for user in world.vault.users()] == ["77", "88"]

    def test_a_page_that_came_back_goes_on(self, world: World) -> None:
        world.vault.save(UserToken("77", "Anna", "EAAoldest"), [access(1)])
        world.park(ONE)
        world.answer(part(), item(page(1)))
        assert world.log_in().accesses == (replace(access(1), tasks=("MANAGE",)),)
        assert world.claimable() == [ONE]


class TestFailure:
    def assert_nothing_changed(self, world: World) -> None:
        assert world.vault.users() == []
        assert world.vault.page_ids() == []
        assert world.inbox.pages()[ONE].parked

    def refuse_code(self, world: World) -> None:
        refused = {"error": {"code": 100, "message": "It failed."}}
        world.meta.answer_posts("oauth/access_token", refused, status=400)

    def refuse_token(self, world: World) -> None:
        world.meta.answer_posts("oauth/access_token", *EXCHANGED)
        world.meta.answer_reads([item(FACTS)], [error(190), item(GRANTED), item(FACTS)])

    def refuse_list(self, world: World) -> None:
        world.answer(error(200))

    def refuse_second_part(self, world: World) -> None:
        world.answer(part(page(1), after="a"), error(190))

    @pytest.mark.parametrize("refuse", [refuse_code, refuse_token, refuse_list, refuse_second_part])
    def test_what_facebook_refuses_ends_the_login_in_a_sentence_and_changes_nothing(
        self, world: World, refuse: Callable[["TestFailure", World], None]
    ) -> None:
        world.park(ONE)
        refuse(self, world)
        with pytest.raises(LoginFailed) as caught:
            world.log_in()
        first, advice = str(caught.value).splitlines()
        assert first.startswith("Facebook says: It failed.")
        assert "FACEBOOK_REDIRECT_URI" in advice
        assert "fbsync login" in advice
        assert not any(secret in str(caught.value) for secret in SECRETS)
        self.assert_nothing_changed(world)

    @pytest.mark.parametrize(("code", "kind"), [(4, RateLimited), (2, GraphUnavailable)])
    def test_what_passes_by_itself_is_no_failed_login(
        self, world: World, code: int, kind: type[FbsyncError]
    ) -> None:
        world.park(ONE)
        world.answer(part(page(1), after="a"), error(code))
        with pytest.raises(kind):
            world.log_in()
        self.assert_nothing_changed(world)

    def test_a_locked_database_is_told_as_such(self, world: World, tmp_path: Path) -> None:
        world.park(ONE)
        world.answer(part(page(1)))
        with locked(tmp_path / "f.sqlite3"), pytest.raises(DatabaseUnavailable):
            world.log_in()
        self.assert_nothing_changed(world)


def dialog(redirect_uri: str = REDIRECT, *scopes: str) -> Dialog:
    address = "https://www.facebook.com/v26.0/dialog/oauth"
    return Dialog(address, "123456789012345", redirect_uri, scopes)


def answer_to(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


class TestDialog:
    def test_its_address_asks_for_a_code_with_every_scope(self) -> None:
        url = dialog(REDIRECT, "pages_show_list", "pages_read_engagement").url("a&b=c #d")
        assert url.startswith("https://www.facebook.com/v26.0/dialog/oauth?")
        assert answer_to(url) == {
            "client_id": "123456789012345",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "pages_show_list,pages_read_engagement",
            "state": "a&b=c #d",
        }

    def test_declined_permissions_are_asked_for_again_on_demand(self) -> None:
        asked = answer_to(replace(dialog(REDIRECT, "pages_show_list"), rerequest=True).url("s"))
        assert asked["auth_type"] == "rerequest"
        assert asked["scope"] == "pages_show_list"

    def test_a_configuration_takes_the_place_of_the_scopes(self) -> None:
        asked = answer_to(replace(dialog(REDIRECT, "pages_show_list"), config_id="3001").url("s"))
        assert asked["config_id"] == "3001"
        assert asked["response_type"] == "code"
        assert "scope" not in asked


class Person:
    """Opens the dialog's address and answers it at once, as Facebook does after a click."""

    def __init__(self, **answer: str) -> None:
        self.answer = answer
        self.relayed: bool | None = None

    def __call__(self, url: str, relayed: bool) -> None:
        self.relayed = relayed
        asked = answer_to(url)
        httpx.get(
            asked["redirect_uri"],
            params={"state": asked["state"], **self.answer},
            follow_redirects=True,
            trust_env=False,
        )


class TestAskForPaste:
    def paste(
        self, monkeypatch: pytest.MonkeyPatch, redirect: str, **answer: str
    ) -> tuple[str, str]:
        """The code, and the address that was shown."""
        shown: list[str] = []

        def show(url: str, relayed: bool) -> None:
            shown.append(url)
            back = urlencode({"state": answer_to(url)["state"], **answer})
            monkeypatch.setattr("sys.stdin", io.StringIO(f"{redirect}?{back}#_=_\n"))

        code = ask_for_paste(dialog(redirect), show, lambda text: None)
        return code, shown[0]

    def test_the_pasted_answer_to_the_shown_address_is_the_code(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        redirect = "https://www.facebook.com/connect/login_success.html"
        code, url = self.paste(monkeypatch, redirect, code="AQ&=é")
        assert code == "AQ&=é"
        assert answer_to(url)["redirect_uri"] == redirect

    def test_a_cancelled_dialog_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(LoginFailed, match="cancelled"):
            self.paste(monkeypatch, REDIRECT, **DENIAL)

    def test_two_logins_take_no_answer_of_each_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(LoginFailed, match="another login"):
            self.paste(monkeypatch, REDIRECT, code="AQ", state="of another login")


class TestAskForCode:
    def test_the_answer_to_the_shown_address_is_the_code(self) -> None:
        person = Person(code="AQ&=é")
        asked = dialog(f"http://localhost:{free_port()}{PATH}")
        assert ask_for_code(asked, person, 60) == "AQ&=é"
        assert person.relayed is False

    def test_beside_a_listener_that_holds_the_port_the_code_arrives_too(self) -> None:
        person = Person(code="AQ")
        with listener(PATH) as port:
            asked = dialog(f"http://localhost:{port}{PATH}")
            assert ask_for_code(asked, person, 60) == "AQ"
        assert person.relayed is True

    def test_a_person_who_cancels_ends_the_wait(self) -> None:
        asked = dialog(f"http://localhost:{free_port()}{PATH}")
        with pytest.raises(LoginFailed, match="cancelled"):
            ask_for_code(asked, Person(**DENIAL), 60)

    def test_a_person_who_never_answers_is_not_waited_for_longer_than_told(self) -> None:
        asked = dialog(f"http://localhost:{free_port()}{PATH}")
        with pytest.raises(LoginFailed, match="Nobody answered"):
            ask_for_code(asked, lambda url, relayed: None, 0)

    def test_an_interrupted_login_leaves_the_port_free(self) -> None:
        port = free_port()

        def interrupt(url: str, relayed: bool) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ask_for_code(dialog(f"http://localhost:{port}{PATH}"), interrupt, 60)
        socket.create_server(("127.0.0.1", port)).close()
