"""Both levels of the subscription, on the sandbox and a callback of the test's own."""

from collections.abc import Iterator

import pytest

from fbsync.graph import Graph
from fbsync.graph_call import GraphConnection
from fbsync.page import PageAccess, PageId
from fbsync.page_fields import PageFields
from fbsync.settings import CallbackSettings
from fbsync.subscribe import Level, subscribe_app, subscribe_pages
from tests.callback import Callback, callback_server
from tests.instant import NO_PATIENCE, FieldsInMemory
from tests.servers import SCOPES, Sandbox, free_port

ONE, TWO = PageId("200000000000001"), PageId("200000000000002")
FIELDS = ("name", "phone")


@pytest.fixture
def callback() -> Iterator[Callback]:
    with callback_server() as running:
        yield running


@pytest.fixture
def graph(sandbox: Sandbox) -> Iterator[Graph]:
    with graph_of(sandbox) as connection:
        yield Graph(connection, PageFields(("id", "name"), FieldsInMemory()))


def graph_of(sandbox: Sandbox) -> GraphConnection:
    world = sandbox.world
    return GraphConnection(
        url=sandbox.url,
        version="v26.0",
        app_id=world.app_id,
        app_secret=world.app_secret,
        patience=NO_PATIENCE,
    )


def accesses(sandbox: Sandbox, scopes: str = SCOPES) -> list[PageAccess]:
    user = sandbox.log_in(scopes)
    return [PageAccess(page, "", sandbox.page_token(user, page)) for page in (ONE, TWO)]


def wanted(callback: Callback, *fields: str) -> CallbackSettings:
    return CallbackSettings(callback.url, "a-verify-token", fields or FIELDS)


def posts(sandbox: Sandbox) -> list[object]:
    """The paths of the calls that changed something."""
    return [call["path"] for call in sandbox.world.calls if "batch" not in call]


def actions(levels: list[Level]) -> list[str]:
    return [level.action for level in levels]


class TestApp:
    def test_the_first_time_the_handshake_comes_and_all_fields_are_on(
        self, sandbox: Sandbox, graph: Graph, callback: Callback
    ) -> None:
        level = subscribe_app(graph, wanted(callback))
        assert (level.ok, level.action) == (True, "added")
        assert callback.handshakes[0]["hub.verify_token"] == "a-verify-token"
        subscription = sandbox.world.app_subscriptions["page"]
        assert subscription.fields == set(FIELDS)
        assert subscription.include_values

    def test_nothing_is_sent_where_nothing_differs(
        self, sandbox: Sandbox, graph: Graph, callback: Callback
    ) -> None:
        subscribe_app(graph, wanted(callback))
        sandbox.world.calls.clear()
        assert subscribe_app(graph, wanted(callback, "phone")).action == "kept"
        assert posts(sandbox) == []
        assert len(callback.handshakes) == 1

    @pytest.mark.parametrize("replaces", [True, False])
    def test_fields_that_others_added_stay_whether_a_post_adds_or_replaces(
        self, sandbox: Sandbox, graph: Graph, callback: Callback, replaces: bool
    ) -> None:
        sandbox.world.switches.replace_subscriptions = replaces
        subscribe_app(graph, wanted(callback, "website"))
        assert subscribe_app(graph, wanted(callback)).action == "changed"
        assert sandbox.world.app_subscriptions["page"].fields == {"website", *FIELDS}

    def test_a_subscription_that_meta_switched_off_is_switched_on(
        self, sandbox: Sandbox, graph: Graph, callback: Callback
    ) -> None:
        subscribe_app(graph, wanted(callback))
        sandbox.world.app_subscriptions["page"].active = False
        assert subscribe_app(graph, wanted(callback)).action == "changed"
        assert sandbox.world.app_subscriptions["page"].active

    def test_another_callback_is_taken_over_on_demand_only(
        self, sandbox: Sandbox, graph: Graph, callback: Callback
    ) -> None:
        subscribe_app(graph, wanted(callback))
        with callback_server() as ours:
            refused = subscribe_app(graph, wanted(ours))
            assert not refused.ok
            assert callback.url in refused.detail
            assert "--replace-callback" in refused.detail
            assert sandbox.world.app_subscriptions["page"].callback_url == callback.url
            assert subscribe_app(graph, wanted(ours), replace_callback=True).ok
            assert sandbox.world.app_subscriptions["page"].callback_url == ours.url

    def test_a_failed_handshake_says_what_to_do(self, graph: Graph, callback: Callback) -> None:
        callback.challenge = lambda query: (403, b"", {})
        level = subscribe_app(graph, wanted(callback))
        assert (level.ok, level.action) == (False, "failed")
        assert "403" in level.detail
        assert "FACEBOOK_VERIFY_TOKEN" in level.detail

    def test_a_graph_api_that_is_down_is_a_failed_level(
        self, sandbox: Sandbox, callback: Callback
    ) -> None:
        with GraphConnection(
            url=f"http://127.0.0.1:{free_port()}",
            version="v26.0",
            app_id="1",
            app_secret="s",
            patience=NO_PATIENCE,
        ) as down:
            level = subscribe_app(
                Graph(down, PageFields(("id",), FieldsInMemory())), wanted(callback)
            )
        assert not level.ok
        assert "cannot be reached" in level.detail


class TestPages:
    def test_each_page_is_subscribed_once(self, sandbox: Sandbox, graph: Graph) -> None:
        pages = accesses(sandbox)
        first = subscribe_pages(graph, pages, FIELDS)
        assert [(level.page_id, level.action) for level in first] == [
            (ONE, "added"),
            (TWO, "added"),
        ]
        assert sandbox.world.page_subscriptions == {ONE: set(FIELDS), TWO: set(FIELDS)}
        sandbox.world.calls.clear()
        assert actions(subscribe_pages(graph, pages, FIELDS)) == ["kept", "kept"]
        assert posts(sandbox) == []

    @pytest.mark.parametrize("replaces", [True, False])
    def test_only_the_page_that_differs_is_changed_and_keeps_its_other_fields(
        self, sandbox: Sandbox, graph: Graph, replaces: bool
    ) -> None:
        sandbox.world.switches.replace_subscriptions = replaces
        pages = accesses(sandbox)
        sandbox.world.page_subscriptions = {
            ONE: frozenset({"website", "name"}),
            TWO: frozenset(FIELDS),
        }
        sandbox.world.calls.clear()
        assert actions(subscribe_pages(graph, pages, FIELDS)) == ["changed", "kept"]
        assert posts(sandbox) == [f"{ONE}/subscribed_apps"]
        assert sandbox.world.page_subscriptions[ONE] == {"website", *FIELDS}

    def test_a_page_that_cannot_be_read_does_not_stop_the_others(
        self, sandbox: Sandbox, graph: Graph
    ) -> None:
        pages = accesses(sandbox)
        sandbox.client.post("/_sandbox/tokens/revoke", json={"page_id": ONE})
        failed, added = subscribe_pages(graph, pages, FIELDS)
        assert (failed.page_id, failed.action, added.action) == (ONE, "failed", "added")
        assert "fbsync login" in failed.detail

    def test_a_page_that_cannot_be_changed_does_not_stop_the_others(
        self, sandbox: Sandbox, graph: Graph
    ) -> None:
        # An unknown field: the read does not notice it, the change is refused.
        pages = accesses(sandbox)
        sandbox.world.page_subscriptions[TWO] = frozenset({"name", "no_such_field"})
        assert actions(subscribe_pages(graph, pages, ("name", "no_such_field"))) == [
            "failed",
            "kept",
        ]

    def test_a_missing_permission_is_named(self, sandbox: Sandbox, graph: Graph) -> None:
        levels = subscribe_pages(graph, accesses(sandbox, "pages_show_list"), FIELDS)
        assert actions(levels) == ["failed", "failed"]
        assert "pages_manage_metadata" in levels[0].detail
