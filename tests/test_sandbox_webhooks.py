"""The sandbox's webhooks: both subscription levels, the handshake, signed deliveries."""

import hashlib
import hmac
import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fbsync.sandbox.deliveries import escaped_json, signatures
from fbsync.sandbox.webhook_fields import ALL
from tests.callback import Callback, callback_server, one_connection
from tests.certificates import certificate
from tests.ports import free_port
from tests.servers import SCOPES, Sandbox, wait_until

PAGE, OTHER_PAGE = "200000000000001", "200000000000002"


@pytest.fixture
def callback() -> Iterator[Callback]:
    with callback_server() as running:
        yield running


@pytest.fixture
def tokens(sandbox: Sandbox) -> dict[str, str]:
    """Page tokens by page."""
    user = sandbox.log_in()
    return {page: sandbox.page_token(user, page) for page in (PAGE, OTHER_PAGE)}


class Levels:
    """Calls of both levels."""

    def __init__(self, sandbox: Sandbox, tokens: dict[str, str]) -> None:
        self.sandbox, self.tokens = sandbox, tokens

    def app(self, method: str, token: str | None = None, **params: str) -> httpx.Response:
        return self._call(method, f"{self.sandbox.world.app_id}/subscriptions", token, params)

    def page(self, method: str, page: str = PAGE, **params: str) -> httpx.Response:
        return self._call(method, f"{page}/subscribed_apps", self.tokens[page], params)

    def on(self, url: str, app: str, page: str, **params: str) -> None:
        """Both levels for PAGE and OTHER_PAGE."""
        form = {"object": "page", "callback_url": url, "verify_token": "v", "fields": app}
        assert self.app("POST", **(form | {"include_values": "true"} | params)).is_success
        for name in self.tokens:
            assert self.page("POST", name, subscribed_fields=page).is_success

    def _call(
        self, method: str, path: str, token: str | None, params: dict[str, str]
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.sandbox.world.app_token}"}
        return self.sandbox.client.request(method, f"/v26.0/{path}", params=params, headers=headers)


@pytest.fixture
def levels(sandbox: Sandbox, tokens: dict[str, str]) -> Levels:
    return Levels(sandbox, tokens)


def error(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


class TestAppLevel:
    def test_the_handshake_comes_during_the_call(self, levels: Levels, callback: Callback) -> None:
        levels.on(callback.url, "name", "name")
        (query,) = callback.handshakes
        assert (query["hub.mode"], query["hub.verify_token"]) == ("subscribe", "v")
        (item,) = levels.app("GET").json()["data"]
        assert item == {
            "object": "page",
            "callback_url": callback.url,
            "active": True,
            "fields": [{"name": "name", "version": "v26.0"}],
        }

    @pytest.mark.parametrize(
        ("status", "body", "headers", "told"),
        [
            (403, "no", {}, "HTTP Status Code = 403; HTTP Message = Forbidden"),
            (302, "", {"Location": "/elsewhere"}, "HTTP Status Code = 302; HTTP Message = Found"),
        ],
    )
    def test_a_wrong_answer_fails_with_its_cause(
        self,
        levels: Levels,
        callback: Callback,
        status: int,
        body: str,
        headers: dict[str, str],
        told: str,
    ) -> None:
        callback.challenge = lambda query: (
            status,
            body.replace("{}", query["hub.challenge"]).encode(),
            headers,
        )
        answer = levels.app("POST", object="page", callback_url=callback.url, fields="name")
        assert answer.status_code == 400
        assert error(answer)["code"] == 2200
        assert told in error(answer)["message"]
        assert levels.app("GET").json() == {"data": []}

    @pytest.mark.parametrize(
        ("body", "received"),
        [
            ('"{}"', '"\\"{}\\""'),
            ("x" * 5000, '"' + "x" * 20 + '..."'),
            ("<a>/</a>", '"\\u003Ca>\\/\\u003C\\/a>"'),
            ("", '""'),
        ],
    )
    def test_another_text_than_the_challenge_is_quoted(
        self, levels: Levels, callback: Callback, body: str, received: str
    ) -> None:
        callback.challenge = lambda query: (
            200,
            body.replace("{}", query["hub.challenge"]).encode(),
            {},
        )
        answer = levels.app("POST", object="page", callback_url=callback.url, fields="name")
        challenge = callback.handshakes[0]["hub.challenge"]
        assert (answer.status_code, error(answer)["code"]) == (400, 2201)
        assert error(answer)["message"] == (
            f'(#2201) response does not match challenge, expected value="{challenge}", received='
            + received.replace("{}", challenge)
        )

    def test_a_callback_that_is_down_fails_with_curls_number(self, levels: Levels) -> None:
        url = f"http://127.0.0.1:{free_port()}/hook"
        answer = levels.app("POST", object="page", callback_url=url, fields="name")
        assert "curl_errno = 7;" in error(answer)["message"]

    def test_a_callback_with_a_self_signed_certificate_is_60(self, levels: Levels) -> None:
        with callback_server(certificate().context) as callback:
            answer = levels.app("POST", object="page", callback_url=callback.url, fields="name")
            assert callback.handshakes == []
        assert "curl_errno = 60; curl_error = SSL certificate problem" in error(answer)["message"]

    def test_a_callback_without_tls_behind_https_is_35(
        self, levels: Levels, callback: Callback
    ) -> None:
        url = callback.url.replace("http:", "https:")
        answer = levels.app("POST", object="page", callback_url=url, fields="name")
        assert "curl_errno = 35;" in error(answer)["message"]

    def test_a_callback_that_hangs_up_is_52(self, levels: Levels) -> None:
        with one_connection(lambda connection: None) as url:
            answer = levels.app("POST", object="page", callback_url=url, fields="name")
        assert "curl_errno = 52;" in error(answer)["message"]

    def test_a_callback_that_cuts_the_line_is_56(self, levels: Levels) -> None:
        def cut(connection: socket.socket) -> None:
            linger = struct.pack("ii", 1, 0)  # closing then resets the connection
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        with one_connection(cut) as url:
            answer = levels.app("POST", object="page", callback_url=url, fields="name")
        assert "curl_errno = 56;" in error(answer)["message"]

    def test_a_slow_callback_is_28(
        self, levels: Levels, callback: Callback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.sandbox.handshake._SECONDS", 0.05)
        asked = threading.Event()

        def wait(query: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
            asked.wait(60)
            return 200, b"", {}

        callback.challenge = wait
        answer = levels.app("POST", object="page", callback_url=callback.url, fields="name")
        asked.set()
        assert "curl_errno = 28;" in error(answer)["message"]

    def test_a_name_that_nobody_knows_is_6(
        self, levels: Levels, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look_up = socket.getaddrinfo

        def no_such_name(host: Any, *rest: Any, **options: Any) -> Any:
            if host == "nowhere.invalid":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return look_up(host, *rest, **options)

        # The network guard refuses every look-up, so the resolver's answer is made here.
        monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
        url = "https://nowhere.invalid/hook"
        answer = levels.app("POST", object="page", callback_url=url, fields="name")
        assert "curl_errno = 6;" in error(answer)["message"]

    @pytest.mark.parametrize(
        "change",
        [
            {"callback_url": "http://shop.example/hook"},
            {"callback_url": "ftp://127.0.0.1/hook"},
            {"callback_url": ""},
            {"callback_url": "http://[x/hook"},
            {"object": "instagram"},
            {"object": ""},
            {"fields": "name,about"},
        ],
    )
    def test_a_bad_parameter_is_error_100(
        self, levels: Levels, callback: Callback, change: dict[str, str]
    ) -> None:
        good = {"object": "page", "callback_url": callback.url, "fields": "name"}
        assert error(levels.app("POST", **(good | change)))["code"] == 100
        assert callback.handshakes == []

    def test_only_the_app_token_may(self, levels: Levels, tokens: dict[str, str]) -> None:
        assert error(levels.app("GET", token=tokens[PAGE]))["code"] == 15

    def test_a_second_post_adds_or_replaces_as_switched(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name", "name")
        levels.on(callback.url, '["phone"]', "phone")
        assert self.fields(levels) == ["name", "phone"]
        sandbox.client.post("/_sandbox/switches", json={"replace_subscriptions": True})
        levels.on(callback.url, "website", "website")
        assert self.fields(levels) == ["website"]

    def test_delete_takes_fields_an_object_or_everything(
        self, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name,phone", "name")
        levels.app("DELETE", object="page", fields="phone")
        assert self.fields(levels) == ["name"]
        levels.app("DELETE", object="page")
        assert levels.app("GET").json() == {"data": []}
        levels.on(callback.url, "name", "name")
        levels.app("DELETE")
        assert levels.app("GET").json() == {"data": []}

    def test_an_unknown_object_cannot_be_deleted(self, levels: Levels) -> None:
        assert error(levels.app("DELETE", object="instagram"))["code"] == 100

    def test_a_post_switches_an_inactive_subscription_on_again(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name", "name")
        sandbox.world.app_subscriptions["page"].active = False
        assert levels.app("GET").json()["data"][0]["active"] is False
        levels.on(callback.url, "name", "name")
        assert levels.app("GET").json()["data"][0]["active"] is True

    def test_other_methods_are_unsupported(self, levels: Levels) -> None:
        # PUT is no method of the Graph API at all.
        answer = levels.app("PUT")
        assert (answer.status_code, error(answer)["code"]) == (400, 100)

    @staticmethod
    def fields(levels: Levels) -> list[str]:
        (item,) = levels.app("GET").json()["data"]
        return [field["name"] for field in item["fields"]]


class TestPageLevel:
    def test_nothing_installed_is_an_empty_list(self, levels: Levels) -> None:
        assert levels.page("GET").json() == {"data": []}

    def test_the_app_lists_itself_with_its_fields(self, sandbox: Sandbox, levels: Levels) -> None:
        levels.page("POST", subscribed_fields='["name", "phone"]')
        levels.page("POST", subscribed_fields="website", callback_url="ignored")
        found = levels.page("GET", fields="id,subscribed_fields").json()["data"]
        app = sandbox.world.app_id
        assert found == [{"id": app, "subscribed_fields": ["name", "phone", "website"]}]

    def test_an_app_without_fields_has_no_such_key(self, levels: Levels) -> None:
        levels.page("POST")
        (item,) = levels.page("GET").json()["data"]
        assert "subscribed_fields" not in item

    def test_one_bad_name_refuses_all(self, levels: Levels) -> None:
        answer = levels.page("POST", subscribed_fields="name,about")
        assert error(answer)["message"].startswith(
            "(#100) Param subscribed_fields[1] must be one of {"
        )
        assert levels.page("GET").json() == {"data": []}

    def test_messages_need_their_permission(self, levels: Levels) -> None:
        answer = levels.page("POST", subscribed_fields="messages")
        assert answer.status_code == 403
        assert error(answer)["message"] == (
            "(#200) To subscribe to the messages field, one of these permissions is needed:"
            " pages_messaging"
        )

    def test_leads_need_their_permission(self, levels: Levels) -> None:
        assert (
            "leads_retrieval" in error(levels.page("POST", subscribed_fields="leadgen"))["message"]
        )

    def test_messages_need_the_task_too(self, sandbox: Sandbox) -> None:
        sandbox.client.post(f"/_sandbox/pages/{PAGE}/listing", json={"tasks": ["MANAGE"]})
        user = sandbox.log_in(f"{SCOPES},pages_messaging")
        levels = Levels(sandbox, {PAGE: sandbox.page_token(user, PAGE)})
        answer = levels.page("POST", subscribed_fields="messages")
        assert (answer.status_code, error(answer)["code"]) == (403, 200)
        sandbox.client.post(
            f"/_sandbox/pages/{PAGE}/listing", json={"tasks": ["MANAGE", "MESSAGING"]}
        )
        assert levels.page("POST", subscribed_fields="messages").json() == {"success": True}

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_a_person_who_only_looks_at_the_numbers_may_not(
        self, sandbox: Sandbox, levels: Levels, method: str
    ) -> None:
        sandbox.client.post(
            f"/_sandbox/pages/{PAGE}/listing", json={"tasks": ["ANALYZE", "ADVERTISE"]}
        )
        answer = levels.page(method, subscribed_fields="name")
        assert (answer.status_code, error(answer)["code"]) == (403, 200)

    def test_without_pages_manage_metadata_it_is_403(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in("pages_show_list")
        levels = Levels(sandbox, {PAGE: sandbox.page_token(user, PAGE)})
        answer = levels.page("GET")
        assert (answer.status_code, error(answer)["code"]) == (403, 200)

    def test_another_pages_token_is_refused(self, sandbox: Sandbox, tokens: dict[str, str]) -> None:
        levels = Levels(sandbox, {PAGE: tokens[OTHER_PAGE]})
        assert error(levels.page("GET"))["code"] == 210
        levels = Levels(sandbox, {PAGE: sandbox.world.app_token})
        assert error(levels.page("GET"))["code"] == 210

    def test_delete_works_with_the_pages_and_with_the_apps_token(
        self, sandbox: Sandbox, levels: Levels
    ) -> None:
        for token in (levels.tokens[PAGE], sandbox.world.app_token):
            levels.page("POST", subscribed_fields="name")
            Levels(sandbox, {PAGE: token}).page("DELETE")
            assert levels.page("GET").json() == {"data": []}

    def test_an_unknown_page_is_33(self, sandbox: Sandbox, tokens: dict[str, str]) -> None:
        levels = Levels(sandbox, {"200000000000099": tokens[PAGE]})
        assert error(levels.page("GET", "200000000000099"))["error_subcode"] == 33

    def test_there_are_106_fields(self) -> None:
        assert len(set(ALL)) == 106


class TestDeliveries:
    def test_a_change_is_delivered_signed_and_escaped(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name,website", "name,website")
        sandbox.client.post(
            f"/_sandbox/pages/{PAGE}", json={"name": "Ä/<%@>☕", "website": "https://x.example"}
        )
        wait_until(lambda: len(callback.deliveries) == 1, "the delivery")
        headers, body = callback.deliveries[0].headers, callback.deliveries[0].body
        assert b'"\\u00c4\\/\\u003C\\u0025\\u0040>\\u2615"' in body
        key = sandbox.world.app_secret.encode()
        expected = hmac.new(key, body, hashlib.sha256).hexdigest()
        assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
        assert headers["X-Hub-Signature"].startswith("sha1=")
        assert headers["Content-Type"] == "application/json"
        (entry,) = json.loads(body)["entry"]
        assert entry["id"] == PAGE
        assert entry["changes"] == [
            {"field": "name", "value": "Ä/<%@>☕"},
            {"field": "website", "value": "https://x.example"},
        ]

    def test_the_signatures_are_those_of_the_reference(self) -> None:
        body = escaped_json(
            {
                "object": "page",
                "entry": [
                    {
                        "id": "0",
                        "time": 1700000000,
                        "changes": [{"field": "name", "value": "Café"}],
                    }
                ],
            }
        )
        assert len(body) == 105
        assert signatures(body, "secret") == {
            "X-Hub-Signature": "sha1=62ee44e9df882125373d45862e1f85a73a175799",
            "X-Hub-Signature-256": "sha256="
            "31cd9006a5f3906cd4caf2828b143698136e592ed5a83cae8776cde303d6b4f8",
        }

    @pytest.mark.parametrize(("app", "page"), [("name", "phone"), ("phone", "name")])
    def test_only_fields_of_both_levels_are_told(
        self, sandbox: Sandbox, levels: Levels, callback: Callback, app: str, page: str
    ) -> None:
        levels.on(callback.url, f"{app},website", f"{page},website")
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"name": "New", "phone": "1"})
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"website": "https://x.example"})
        wait_until(lambda: bool(callback.deliveries), "the delivery")
        assert [self.told(received.body) for received in callback.deliveries] == [["website"]]

    def test_an_edit_that_changes_nothing_tells_nothing(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name,email", "name,email")
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"name": "Café Zeitgeist"})
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"about": "no webhook field"})
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"emails": ["a@b.example"]})
        wait_until(lambda: bool(callback.deliveries), "the delivery")
        assert [self.told(received.body) for received in callback.deliveries] == [["email"]]

    def test_a_cleared_field_is_told_without_a_value(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "phone", "phone")
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"phone": None})
        wait_until(lambda: bool(callback.deliveries), "the delivery")
        (entry,) = json.loads(callback.deliveries[0].body)["entry"]
        assert entry["changes"] == [{"field": "phone"}]

    def test_without_include_values_only_names_come(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name", "name", include_values="false")
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"name": "New"})
        wait_until(lambda: bool(callback.deliveries), "the delivery")
        (entry,) = json.loads(callback.deliveries[0].body)["entry"]
        assert entry["changed_fields"] == ["name"]
        assert "changes" not in entry

    def test_an_edit_through_the_api_is_told_too(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "phone", "phone")
        form = {"phone": "+1", "access_token": levels.tokens[PAGE]}
        sandbox.client.post(f"/v26.0/{PAGE}", data=form)
        wait_until(lambda: bool(callback.deliveries), "the delivery")

    def test_many_pages_share_a_body(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name", "name")
        edits = {PAGE: {"name": "One"}, OTHER_PAGE: {"name": "Two"}}
        assert sandbox.client.post("/_sandbox/pages", json=edits).json() == {"deliveries": 1}
        wait_until(lambda: bool(callback.deliveries), "the delivery")
        entries = json.loads(callback.deliveries[0].body)["entry"]
        assert [entry["id"] for entry in entries] == [PAGE, OTHER_PAGE]

    def test_anything_but_200_is_tried_again(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name", "name")
        callback.statuses = [500, 302, 201]
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"name": "New"})
        wait_until(lambda: self.records(sandbox)[0]["delivered"], "the delivery")
        (record,) = self.records(sandbox)
        assert (record["attempts"], record["status"]) == (4, 200)
        assert len({received.body for received in callback.deliveries}) == 1

    def test_a_callback_that_is_down_is_recorded(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name", "name")
        sandbox.world.app_subscriptions[
            "page"
        ].callback_url = f"http://127.0.0.1:{free_port()}/hook"
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"name": "New"})
        # Between two tries there is none for a moment.
        wait_until(lambda: self.records(sandbox)[0]["error"] == "ConnectError", "the failure")

    def test_in_development_mode_only_the_test_button_delivers(
        self, sandbox: Sandbox, levels: Levels, callback: Callback
    ) -> None:
        levels.on(callback.url, "name", "name")
        sandbox.client.post("/_sandbox/switches", json={"development_mode": True})
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"name": "New"})
        sandbox.client.post("/_sandbox/test-event", json={"field": "category"})
        wait_until(lambda: bool(callback.deliveries), "the delivery")
        (entry,) = json.loads(callback.deliveries[0].body)["entry"]
        assert (entry["id"], entry["changes"][0]["field"]) == ("0", "category")

    @staticmethod
    def told(body: bytes) -> list[str]:
        (entry,) = json.loads(body)["entry"]
        return [change["field"] for change in entry["changes"]]

    @staticmethod
    def records(sandbox: Sandbox) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sandbox.client.get("/_sandbox/deliveries").json()["data"]
        return found
