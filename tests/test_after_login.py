"""What follows a login: its checklist, whatever is reachable and whatever is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fbsync.checklist import Checklist, Step
from fbsync.database.added_fields import AddedFields
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.handshakes import Handshakes
from fbsync.database.inbox import DatabaseInbox
from fbsync.graph.call import GraphConnection
from fbsync.graph.page_fields import PageFields
from fbsync.graph.pages import GraphPages
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.hallway.refresh import Refresher
from fbsync.login.after_login import follow
from fbsync.page import PageAccess, PageId
from fbsync.settings.facebook import CallbackSettings
from fbsync.store.directory import DirectoryStore
from fbsync.subscribe.subscriber import Subscriber
from tests.instant import NO_PATIENCE, FieldsInMemory
from tests.ports import free_port
from tests.servers import Sandbox
from tests.test_listening_application import SECRET, TOKEN, running_listener

ONE, TWO = PageId("200000000000001"), PageId("200000000000002")


@dataclass
class LoggedIn:
    """A person who has just logged in, with two pages."""

    graph: GraphPages
    subscriptions: GraphSubscriptions
    database: Database
    accesses: list[PageAccess]
    store: Path
    secret: str

    def follow(self, callback: CallbackSettings | None) -> dict[str, Step]:
        checklist = Checklist(lambda step: None)
        inbox = DatabaseInbox(self.database)
        own = {access.page_id: access for access in self.accesses}
        refresher = Refresher(
            inbox,
            DirectoryStore(self.store, ""),
            lambda pages: self.graph.read_pages([own[page] for page in pages]),
        )
        follow(
            checklist,
            Subscriber(self.subscriptions, AddedFields(self.database), Handshakes(self.database)),
            inbox,
            refresher,
            self.accesses,
            callback,
            self.secret,
            NO_PATIENCE,
        )
        return {step.name: step for step in checklist.steps}

    def stored(self) -> set[str]:
        return {path.parent.name for path in self.store.rglob("page_data.json")}


@pytest.fixture
def logged_in(sandbox: Sandbox, tmp_path: Path) -> Iterator[LoggedIn]:
    world = sandbox.world
    world.app_secret = SECRET
    user = sandbox.log_in()
    accesses = [PageAccess(page, "", sandbox.page_token(user, page)) for page in (ONE, TWO)]
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    with GraphConnection(
        url=sandbox.url,
        version="v26.0",
        app_id=world.app_id,
        app_secret=world.app_secret,
        patience=NO_PATIENCE,
    ) as connection:
        graph = GraphPages(connection, PageFields(("id", "name", "about"), FieldsInMemory()))
        yield LoggedIn(
            graph,
            GraphSubscriptions(connection),
            database,
            accesses,
            tmp_path / "store",
            world.app_secret,
        )
    database.close()


def states(steps: dict[str, Step]) -> dict[str, str]:
    return {name: step.state for name, step in steps.items()}


def test_without_an_address_only_the_data_is_mirrored(logged_in: LoggedIn) -> None:
    steps = logged_in.follow(None)
    assert states(steps) == {
        "app subscription": "skipped",
        "page subscriptions": "skipped",
        "first data": "done",
        "webhook test": "skipped",
    }
    assert "FACEBOOK_WEBHOOK_ADDRESS" in steps["webhook test"].detail
    assert logged_in.stored() == {ONE, TWO}


def test_without_a_listener_the_handshake_fails_and_the_rest_goes_on(
    logged_in: LoggedIn, sandbox: Sandbox
) -> None:
    address = f"http://127.0.0.1:{free_port()}/facebook/webhook"
    steps = logged_in.follow(CallbackSettings(address, "token", ("name",)))
    assert states(steps) == {
        "app subscription": "failed",
        "page subscriptions": "done",
        "first data": "done",
        "webhook test": "skipped",
    }
    assert "fbsync listen" in steps["webhook test"].detail
    assert sandbox.world.page_subscriptions == {ONE: {"name"}, TWO: {"name"}}


def test_with_a_listener_everything_is_done_and_a_second_login_changes_nothing(
    logged_in: LoggedIn, tmp_path: Path
) -> None:
    with running_listener(logged_in.database, tmp_path) as listener:
        callback = CallbackSettings(listener.url, TOKEN, ("name",))
        assert set(states(logged_in.follow(callback)).values()) == {"done"}
        steps = logged_in.follow(callback)
    assert steps["page subscriptions"].detail == "2 kept"
    assert steps["first data"].detail == "2 unchanged"


def test_a_listener_of_another_app_fails_the_webhook_test(
    logged_in: LoggedIn, tmp_path: Path
) -> None:
    logged_in.secret = "another secret"
    with running_listener(logged_in.database, tmp_path) as listener:
        callback = CallbackSettings(listener.url, TOKEN, ("name",))
        steps = logged_in.follow(callback)
    assert steps["webhook test"].state == "failed"
    assert "FACEBOOK_APP_SECRET" in steps["webhook test"].detail


def test_a_page_that_cannot_be_read_is_told_and_the_other_is_mirrored(
    logged_in: LoggedIn, sandbox: Sandbox
) -> None:
    sandbox.client.post("/_sandbox/tokens/revoke", json={"page_id": TWO})
    address = f"http://127.0.0.1:{free_port()}/facebook/webhook"
    steps = logged_in.follow(CallbackSettings(address, "token", ("name",)))
    assert steps["first data"].state == "failed"
    assert steps["first data"].detail.startswith("1 parked, 1 stored: ")
    assert steps["page subscriptions"].detail.startswith("1 of 2 pages: ")
    assert logged_in.stored() == {ONE}


def test_a_graph_api_that_is_down_fails_the_steps_and_not_the_program(
    logged_in: LoggedIn, sandbox: Sandbox
) -> None:
    sandbox.client.post(
        "/_sandbox/faults", json={"times": 99, "error": {"code": 2, "message": "Down."}}
    )
    sandbox.world.token_key = b"every token is now unknown"
    address = f"http://127.0.0.1:{free_port()}/facebook/webhook"
    steps = logged_in.follow(CallbackSettings(address, "token", ("name",)))
    assert states(steps) == {
        "app subscription": "failed",
        "page subscriptions": "failed",
        "first data": "failed",
        "webhook test": "skipped",
    }
