"""How the sandbox's deliveries can be made to go wrong, as Meta's documents allow."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fbsync.sandbox.events import MAX_UPDATES, bodies
from fbsync.sandbox.world import Switches, World
from tests import servers
from tests.callback import Callback, callback_server
from tests.ports import free_port
from tests.servers import Sandbox, wait_until

PAGES = ["200000000000001", "200000000000002", "200000000000003"]
ONE = PAGES[0]


@pytest.fixture
def callback() -> Iterator[Callback]:
    with callback_server() as running:
        yield running


@pytest.fixture
def shop(sandbox: Sandbox, callback: Callback) -> Sandbox:
    """A sandbox with names and phones subscribed at both levels."""
    user = sandbox.log_in()
    subscribe_app(sandbox, callback.url)
    for page in PAGES:
        form = {
            "subscribed_fields": "name,phone",
            "access_token": sandbox.page_token(user, page),
        }
        assert sandbox.client.post(f"/{page}/subscribed_apps", data=form).is_success
    return sandbox


def subscribe_app(sandbox: Sandbox, url: str) -> None:
    form = {"object": "page", "callback_url": url, "verify_token": "v", "fields": "name,phone"}
    form |= {"include_values": "true", "access_token": sandbox.world.app_token}
    answer = sandbox.client.post(f"/{sandbox.world.app_id}/subscriptions", data=form)
    assert answer.is_success, answer.text


def switch(sandbox: Sandbox, **values: object) -> None:
    assert sandbox.client.post("/_sandbox/switches", json=values).is_success


def rename(sandbox: Sandbox, name: str, page: str = ONE) -> None:
    assert sandbox.client.post(f"/_sandbox/pages/{page}", json={"name": name}).is_success


def records(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.client.get("/_sandbox/deliveries").json()["data"]
    return found


def names(callback: Callback) -> list[Any]:
    """The names told so far, body by body."""
    entries = [json.loads(received.body)["entry"] for received in callback.deliveries]
    return [
        [change.get("value") for entry in body for change in entry["changes"]] for body in entries
    ]


def test_a_body_comes_as_often_as_switched(shop: Sandbox, callback: Callback) -> None:
    switch(shop, delivery_copies=3)
    rename(shop, "New")
    # The sandbox knows of a delivery a moment after the callback does.
    wait_until(lambda: [r["delivered"] for r in records(shop)] == [True] * 3, "the copies")
    assert len(callback.deliveries) == 3
    assert len({received.body for received in callback.deliveries}) == 1


def test_each_second_body_overtakes_the_one_before(shop: Sandbox, callback: Callback) -> None:
    switch(shop, deliveries_out_of_order=True)
    for name in ("1", "2", "3", "4"):
        rename(shop, name)
    wait_until(lambda: len(callback.deliveries) == 4, "the deliveries")
    told = [name for body in names(callback) for name in body]
    assert told.index("2") < told.index("1")
    assert told.index("4") < told.index("3")
    callback.deliveries.clear()
    edits = {page: {"name": f"New {page}"} for page in PAGES}
    shop.client.post("/_sandbox/pages", json=edits)
    wait_until(lambda: len(callback.deliveries) == 1, "the delivery that nothing overtakes")
    entries = json.loads(callback.deliveries[0].body)["entry"]
    assert [entry["id"] for entry in entries] == PAGES[::-1]


def test_changes_are_collected_in_one_body(shop: Sandbox, callback: Callback) -> None:
    switch(shop, collect_seconds=1)
    for page in PAGES:
        rename(shop, "New", page)
    rename(shop, "Newer")
    wait_until(lambda: bool(callback.deliveries), "the delivery")
    assert names(callback) == [["New", "New", "New", "Newer"]]


def test_a_late_body_is_overtaken_by_all_that_are_not(shop: Sandbox, callback: Callback) -> None:
    switch(shop, delivery_delay_seconds=3600)
    rename(shop, "Late")
    switch(shop, delivery_delay_seconds=0)
    rename(shop, "New")
    wait_until(lambda: bool(callback.deliveries), "the delivery")
    assert names(callback) == [["New"]]
    assert [record["attempts"] for record in records(shop)] == [0, 1]


def test_values_can_be_left_out(shop: Sandbox, callback: Callback) -> None:
    switch(shop, leave_out_values=True)
    rename(shop, "New")
    wait_until(lambda: bool(callback.deliveries), "the delivery")
    (entry,) = json.loads(callback.deliveries[0].body)["entry"]
    assert entry["changes"] == [{"field": "name"}]


def test_a_test_event_has_the_value_that_was_asked_for(shop: Sandbox, callback: Callback) -> None:
    asked = {"field": "phone", "value": {"of": ["any", "shape"]}}
    shop.client.post("/_sandbox/test-event", json=asked)
    wait_until(lambda: bool(callback.deliveries), "the delivery")
    (entry,) = json.loads(callback.deliveries[0].body)["entry"]
    assert (entry["id"], entry["changes"]) == ("0", [asked])


def test_a_body_holds_a_thousand_updates_at_most() -> None:
    two: list[dict[str, Any]] = [{"changes": [{}, {}]}] * 600
    assert [len(body) for body in bodies(two)] == [MAX_UPDATES // 2, 100]
    assert [len(body) for body in bodies([{"changed_fields": ["name"]}] * 1001)] == [1000, 1]
    assert list(bodies([])) == []


def test_two_thousand_pages_come_in_few_bodies(callback: Callback) -> None:
    with servers.sandbox(World(page_count=2000)) as sandbox:
        subscribe_app(sandbox, callback.url)
        fields = frozenset({"name"})
        sandbox.world.page_subscriptions = dict.fromkeys(sandbox.world.page_ids, fields)
        edits = {page: {"name": "New"} for page in sandbox.world.page_ids}
        assert sandbox.client.post("/_sandbox/pages", json=edits).json() == {"deliveries": 2}
        wait_until(lambda: len(callback.deliveries) == 2, "the deliveries")
    assert [len(body) for body in names(callback)] == [1000, 1000]


class TestSwitchOff:
    def test_steady_failure_makes_the_apps_subscription_inactive(
        self, shop: Sandbox, callback: Callback
    ) -> None:
        switch(shop, switch_off_seconds=0.01, retry_first_seconds=0.02)
        callback.statuses = [500] * 99
        rename(shop, "Lost")
        wait_until(lambda: records(shop)[0]["given_up"], "the end of the tries")
        assert self.is_active(shop) is False
        told = len(callback.deliveries)
        rename(shop, "Not told")
        assert len(records(shop)) == 1
        callback.statuses = []
        subscribe_app(shop, callback.url)
        assert self.is_active(shop) is True
        rename(shop, "Told")
        wait_until(lambda: len(callback.deliveries) == told + 1, "the delivery")
        assert names(callback)[-1] == ["Told"]

    def test_or_it_takes_the_app_off_the_pages_of_the_body(
        self, shop: Sandbox, callback: Callback
    ) -> None:
        switch(shop, switch_off="page", switch_off_seconds=0.01, retry_first_seconds=0.02)
        callback.statuses = [500] * 99
        rename(shop, "Lost")
        wait_until(lambda: records(shop)[0]["given_up"], "the end of the tries")
        assert shop.world.page_subscriptions.keys() == set(PAGES[1:])
        assert self.is_active(shop) is True

    def test_a_success_begins_the_time_anew(self, shop: Sandbox, callback: Callback) -> None:
        switch(shop, switch_off="app", switch_off_seconds=60)
        callback.statuses = [500, 200, 500]
        rename(shop, "One")
        wait_until(lambda: records(shop)[0]["delivered"], "the first delivery")
        rename(shop, "Two")
        wait_until(lambda: records(shop)[1]["delivered"], "the second delivery")
        assert self.is_active(shop) is True

    def test_the_schedule_ends_after_thirteen_tries(self, callback: Callback) -> None:
        switches = Switches(retry_first_seconds=0.0001, switch_off="never")
        with servers.sandbox(World(page_count=1, switches=switches)) as sandbox:
            subscribe_app(sandbox, callback.url)
            sandbox.world.page_subscriptions[ONE] = frozenset({"name"})
            sandbox.world.app_subscriptions[
                "page"
            ].callback_url = f"http://127.0.0.1:{free_port()}/"
            rename(sandbox, "Lost")
            wait_until(lambda: records(sandbox)[0]["given_up"], "the end of the tries")
            (record,) = records(sandbox)
            assert (record["attempts"], record["error"]) == (13, "ConnectError")
            assert self.is_active(sandbox) is True
            assert sandbox.client.delete("/_sandbox/deliveries").is_success
            assert records(sandbox) == []

    def test_what_waits_stops_when_another_body_has_switched_off(
        self, shop: Sandbox, callback: Callback
    ) -> None:
        switch(shop, retry_first_seconds=0.05)
        callback.statuses = [500] * 99
        rename(shop, "Lost")
        wait_until(lambda: records(shop)[0]["attempts"] >= 2, "two tries")
        shop.world.app_subscriptions["page"].active = False
        wait_until(lambda: records(shop)[0]["given_up"], "the end of the tries")
        assert records(shop)[0]["attempts"] < 13

    @staticmethod
    def is_active(sandbox: Sandbox) -> bool:
        token = {"access_token": sandbox.world.app_token}
        path = f"/{sandbox.world.app_id}/subscriptions"
        (found,) = sandbox.client.get(path, params=token).json()["data"]
        return bool(found["active"])
