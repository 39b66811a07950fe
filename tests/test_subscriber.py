"""Both levels of the subscription, on the sandbox and a callback of the test's own."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from fbsync.database.added_fields import AddedFields
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.handshakes import Handshakes
from fbsync.graph.call import GraphConnection
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.page import PageAccess, PageId
from fbsync.subscribe.subscriber import Subscribed, Subscriber
from fbsync.subscription_plan import Plan, Wish
from tests.callback import Callback, callback_server
from tests.instant import NO_PATIENCE
from tests.ports import free_port
from tests.servers import SCOPES, Sandbox

ONE, TWO = PageId("200000000000001"), PageId("200000000000002")
FIELDS = ("name", "phone")
TOKEN = "a-verify-token"


@pytest.fixture
def callback() -> Iterator[Callback]:
    with callback_server() as running:
        yield running


@dataclass
class Operator:
    """Somebody with two pages who runs `fbsync subscribe` again and again."""

    sandbox: Sandbox
    subscriber: Subscriber
    added: AddedFields
    handshakes: Handshakes
    accesses: list[PageAccess]
    address: str

    def wish(self, *fields: str, **options: bool) -> Wish:
        return Wish(self.address, frozenset(fields) if fields else None, **options)

    def plan(self, *fields: str, **options: bool) -> Plan:
        return self.subscriber.plan(self.accesses, self.wish(*fields, **options))

    def subscribe(self, *fields: str, **options: bool) -> Subscribed:
        wish = self.wish(*fields, **options)
        plan = self.subscriber.plan(self.accesses, wish)
        self.sandbox.world.calls.clear()
        return self.subscriber.apply(plan, self.accesses, wish, TOKEN)

    def remove(self, *fields: str, **options: bool) -> Subscribed:
        return self.subscribe(*fields, remove=True, **options)

    def app_fields(self) -> set[str]:
        found = self.sandbox.world.app_subscriptions.get("page")
        return set(found.fields) if found else set()

    def page_fields(self, page: PageId = ONE) -> set[str]:
        return set(self.sandbox.world.page_subscriptions.get(page, ()))

    def calls(self) -> list[tuple[str, str]]:
        """Since the last plan; the items of a batch, not the batch itself."""
        calls = [call for call in self.sandbox.world.calls if "batch" not in call]
        calls += [item for call in self.sandbox.world.calls for item in call.get("batch", ())]
        return [(call["method"], call["path"]) for call in calls]


def connect(sandbox: Sandbox, url: str = "") -> GraphConnection:
    return GraphConnection(
        url=url or sandbox.url,
        version="v26.0",
        app_id=sandbox.world.app_id,
        app_secret=sandbox.world.app_secret,
        patience=NO_PATIENCE,
    )


def accesses(sandbox: Sandbox, scopes: str = SCOPES) -> list[PageAccess]:
    user = sandbox.log_in(scopes)
    return [PageAccess(page, "", sandbox.page_token(user, page)) for page in (ONE, TWO)]


@pytest.fixture
def operator(
    sandbox: Sandbox, callback: Callback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    monkeypatch.setattr("fbsync.subscribe.app_level.LOOK_SECONDS", 0.0)
    with (
        closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database,
        connect(sandbox) as connection,
    ):
        added, handshakes = AddedFields(database), Handshakes(database)
        subscriber = Subscriber(GraphSubscriptions(connection), added, handshakes)
        yield Operator(sandbox, subscriber, added, handshakes, accesses(sandbox), callback.url)


class TestApp:
    def test_the_first_time_the_handshake_comes_and_all_fields_are_on(
        self, operator: Operator, callback: Callback
    ) -> None:
        found = operator.subscribe(*FIELDS)
        assert (found.app.ok, found.app.action) == (True, "added")
        assert callback.handshakes[0]["hub.verify_token"] == TOKEN
        subscription = operator.sandbox.world.app_subscriptions["page"]
        assert subscription.fields == set(FIELDS)
        assert subscription.include_values

    def test_nothing_is_sent_where_nothing_differs(
        self, operator: Operator, callback: Callback
    ) -> None:
        operator.subscribe(*FIELDS)
        again = operator.subscribe("phone")
        assert [level.action for level in (again.app, *again.pages)] == ["kept"] * 3
        assert operator.calls() == []
        assert len(callback.handshakes) == 1

    @pytest.mark.parametrize("replaces", [True, False])
    def test_fields_that_others_added_stay_whether_a_post_adds_or_replaces(
        self, operator: Operator, replaces: bool
    ) -> None:
        operator.sandbox.world.switches.replace_subscriptions = replaces
        operator.subscribe("website")
        assert operator.subscribe(*FIELDS).app.action == "changed"
        assert operator.app_fields() == {"website", *FIELDS}

    def test_a_subscription_that_meta_switched_off_is_switched_on(self, operator: Operator) -> None:
        operator.subscribe(*FIELDS)
        operator.sandbox.world.app_subscriptions["page"].active = False
        assert operator.subscribe(*FIELDS).app.action == "changed"
        assert operator.sandbox.world.app_subscriptions["page"].active

    def test_another_callback_is_taken_over_on_demand_only(
        self, operator: Operator, callback: Callback
    ) -> None:
        operator.subscribe(*FIELDS)
        with callback_server() as ours:
            operator.address = ours.url
            refused = operator.subscribe(*FIELDS)
            assert not refused.app.ok
            assert callback.url in refused.app.detail
            assert "--replace-callback" in refused.app.detail
            assert refused.live(refused.pages[0]) == set()
            subscription = operator.sandbox.world.app_subscriptions
            assert subscription["page"].callback_url == callback.url
            assert operator.subscribe(*FIELDS, replace_callback=True).app.ok
            assert subscription["page"].callback_url == ours.url

    def test_a_graph_api_that_is_down_is_a_failed_level_each(self, operator: Operator) -> None:
        with connect(operator.sandbox, f"http://127.0.0.1:{free_port()}") as down:
            operator.subscriber = Subscriber(
                GraphSubscriptions(down), operator.added, operator.handshakes
            )
            plan = operator.plan(*FIELDS)
            found = operator.subscribe(*FIELDS)
        assert not plan.app_ok
        assert not plan.pages_ok
        for level in (found.app, *found.pages):
            assert not level.ok
            assert "cannot be reached" in level.detail


class TestPages:
    def test_each_page_is_subscribed_once(self, operator: Operator) -> None:
        first = operator.subscribe(*FIELDS)
        assert [(level.page_id, level.action) for level in first.pages] == [
            (ONE, "added"),
            (TWO, "added"),
        ]
        assert first.live(first.pages[0]) == set(FIELDS)
        assert operator.page_fields(ONE) == operator.page_fields(TWO) == set(FIELDS)

    @pytest.mark.parametrize("replaces", [True, False])
    def test_only_the_page_that_differs_is_changed_and_keeps_its_other_fields(
        self, operator: Operator, replaces: bool
    ) -> None:
        world = operator.sandbox.world
        world.switches.replace_subscriptions = replaces
        operator.subscribe(*FIELDS)
        world.page_subscriptions = {ONE: frozenset({"website", "name"}), TWO: frozenset(FIELDS)}
        found = operator.subscribe(*FIELDS)
        assert [level.action for level in found.pages] == ["changed", "kept"]
        assert operator.calls() == [
            ("POST", f"{ONE}/subscribed_apps"),
            ("GET", f"{ONE}/subscribed_apps"),
        ]
        assert operator.page_fields(ONE) == {"website", *FIELDS}

    def test_a_page_that_cannot_be_read_does_not_stop_the_others(self, operator: Operator) -> None:
        operator.sandbox.client.post("/_sandbox/tokens/revoke", json={"page_id": ONE})
        failed, added = operator.subscribe(*FIELDS).pages
        assert (failed.page_id, failed.action, added.action) == (ONE, "failed", "added")
        assert "fbsync login" in failed.detail

    def test_a_page_that_cannot_be_changed_does_not_stop_the_others(
        self, operator: Operator
    ) -> None:
        operator.sandbox.world.page_subscriptions[TWO] = frozenset({"name", "messages"})
        failed, kept = operator.subscribe("name", "messages").pages
        assert (failed.action, kept.action) == ("failed", "kept")

    def test_messages_say_which_permission_they_need(self, operator: Operator) -> None:
        failed, _ = operator.subscribe("name", "messages").pages
        assert "pages_messaging to FACEBOOK_SCOPES" in failed.detail

    def test_a_missing_permission_is_named(self, operator: Operator) -> None:
        operator.accesses = accesses(operator.sandbox, "pages_show_list")
        found = operator.subscribe(*FIELDS)
        assert [level.action for level in found.pages] == ["failed", "failed"]
        assert "pages_manage_metadata" in found.pages[0].detail

    def test_a_change_that_did_not_work_at_once_counts_by_what_is_there(
        self, operator: Operator
    ) -> None:
        # The answer of the write is lost on its way, and the field is on all the same.
        operator.subscribe("name")
        operator.sandbox.world.page_subscriptions[ONE] = frozenset()
        fault = {"path": f"{ONE}/subscribed_apps", "times": 1, "error": {"code": 2}}
        plan, wish = operator.plan("name"), operator.wish("name")
        operator.sandbox.client.post("/_sandbox/faults", json=fault)
        failed = operator.subscriber.apply(plan, operator.accesses, wish, TOKEN).pages[0]
        assert failed.action == "failed"
        operator.sandbox.client.post("/_sandbox/faults", json=fault)
        operator.sandbox.world.page_subscriptions[ONE] = frozenset({"name"})
        assert operator.subscriber.apply(plan, operator.accesses, wish, TOKEN).pages[0].ok

    def test_seventy_pages_take_two_requests_to_read(self, operator: Operator) -> None:
        page = operator.accesses[0]
        many = [PageAccess(PageId(str(number)), "", page.token) for number in range(1, 71)]
        operator.sandbox.world.calls.clear()
        operator.subscriber.plan(many, operator.wish("name"))
        batches = [call for call in operator.sandbox.world.calls if call["path"] == ""]
        assert len(batches) == 3  # one of them is for the app


class TestRemove:
    @pytest.mark.parametrize("replaces", [True, False])
    def test_only_what_fbsync_added_is_taken_off_whether_a_post_adds_or_replaces(
        self, operator: Operator, replaces: bool
    ) -> None:
        world = operator.sandbox.world
        world.switches.replace_subscriptions = replaces
        world.page_subscriptions[ONE] = frozenset({"website", "name"})
        operator.subscribe(*FIELDS)
        world.app_subscriptions["page"].fields |= {"website"}
        found = operator.remove()
        assert [level.action for level in (found.app, *found.pages)] == ["removed"] * 3
        assert operator.app_fields() == {"website"}
        assert operator.page_fields(ONE) == {"website", "name"}  # the name was on before
        assert TWO not in world.page_subscriptions
        assert operator.added.of_app() == set()
        assert operator.added.of_pages() == {}

    def test_a_second_time_there_is_nothing_to_take_off(self, operator: Operator) -> None:
        operator.subscribe(*FIELDS)
        operator.remove()
        found = operator.remove()
        assert [level.action for level in (found.app, *found.pages)] == ["kept"] * 3
        assert operator.calls() == []

    @pytest.mark.parametrize("replaces", [True, False])
    def test_named_fields_alone_are_taken_off(self, operator: Operator, replaces: bool) -> None:
        operator.sandbox.world.switches.replace_subscriptions = replaces
        operator.subscribe(*FIELDS)
        assert operator.remove("phone", "website").app.action == "removed"
        assert operator.app_fields() == operator.page_fields(ONE) == {"name"}
        assert operator.added.of_pages() == {ONE: {"name"}, TWO: {"name"}}

    def test_where_a_post_adds_the_page_is_taken_off_and_given_the_rest(
        self, operator: Operator
    ) -> None:
        operator.accesses = operator.accesses[:1]
        operator.subscribe(*FIELDS)
        operator.remove("phone")
        path = f"{ONE}/subscribed_apps"
        methods = [method for method, name in operator.calls() if name == path]
        assert sorted(methods) == ["DELETE", "GET", "GET", "POST", "POST"]

    def test_with_some_pages_the_apps_fields_stay_for_the_others(self, operator: Operator) -> None:
        operator.subscribe(*FIELDS)
        operator.accesses = operator.accesses[:1]
        found = operator.remove(some_pages=True)
        assert (found.app.action, found.pages[0].action) == ("kept", "removed")
        assert operator.app_fields() == operator.page_fields(TWO) == set(FIELDS)

    def test_another_callbacks_fields_stay(self, operator: Operator) -> None:
        operator.subscribe(*FIELDS)
        operator.sandbox.world.app_subscriptions["page"].callback_url = "https://other.example/"
        found = operator.remove()
        assert (found.app.ok, found.app.action) == (True, "kept")
        assert operator.app_fields() == set(FIELDS)

    def test_what_somebody_switched_off_and_on_again_is_not_ours_any_more(
        self, operator: Operator
    ) -> None:
        world = operator.sandbox.world
        operator.subscribe(*FIELDS)
        world.page_subscriptions[ONE] = frozenset({"name"})
        operator.subscribe("name")
        world.page_subscriptions[ONE] = frozenset(FIELDS)
        operator.remove()
        assert operator.page_fields(ONE) == {"phone"}
