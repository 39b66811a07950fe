"""The sandbox's calls about the person: removed apps, data to be deleted."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from fbsync.sandbox.person_callbacks import signed_request
from fbsync.sandbox.world import PERSON
from tests.callback import Callback, Received, callback_server
from tests.servers import Sandbox, wait_until

CONFIRMATION = {"url": "https://shop.example/status", "confirmation_code": "abc"}
KINDS = ["deauthorize", "deletion"]


@pytest.fixture
def callback(sandbox: Sandbox) -> Iterator[Callback]:
    """The app's callback, whose address is in both fields of the dashboard."""
    with callback_server() as running:
        switches = {f"{kind}_callback": running.url for kind in KINDS}
        assert sandbox.client.post("/_sandbox/switches", json=switches).status_code == 200
        running.answer = json.dumps(CONFIRMATION).encode()
        yield running


def ask(sandbox: Sandbox, kind: str, **options: object) -> httpx.Response:
    return sandbox.client.post(f"/_sandbox/{kind}", json=options)


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read(received: Received, secret: str) -> dict[str, Any]:
    """The payload, its signature checked."""
    assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"
    (text,) = parse_qs(received.body.decode())["signed_request"]
    signature, payload = text.split(".")
    assert "=" not in text
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    assert decoded(signature) == expected
    found: dict[str, Any] = json.loads(decoded(payload))
    return found


def is_alive(sandbox: Sandbox, token: str) -> bool:
    answer = sandbox.client.get("/v26.0/me", params={"access_token": token})
    assert answer.status_code == 200 or answer.json()["error"]["error_subcode"] == 458
    return answer.status_code == 200


def test_a_known_request_is_made() -> None:
    # Computed independently of this program; only the payload's blanks differ from Meta's sample.
    made = signed_request("secret", {"user_id": "218471", "issued_at": 1291836800})
    assert made == (
        "yEczHpGTA9yrq48vqpVQejJZAns2xafkSG-bAY1CXnc.eyJ1c2VyX2lkIjoiMjE4NDcxIiwiYWxnb3JpdGhtIjoi"
        "SE1BQy1TSEEyNTYiLCJpc3N1ZWRfYXQiOjEyOTE4MzY4MDB9"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_request_for_the_person_is_sent_and_the_answer_shown(
    sandbox: Sandbox, callback: Callback, kind: str
) -> None:
    shown = ask(sandbox, kind).json()
    assert shown["accepted"] is True
    assert (shown["status"], shown["answer"]) == (200, CONFIRMATION)
    (received,) = callback.deliveries
    payload = read(received, sandbox.world.app_secret)
    assert set(payload) == {"user_id", "algorithm", "issued_at"}
    assert (payload["user_id"], payload["algorithm"]) == (PERSON["id"], "HMAC-SHA256")
    listed = sandbox.client.get("/_sandbox/person-callbacks").json()["data"]
    assert listed == [shown]


@pytest.mark.parametrize("kind", KINDS)
def test_its_values_can_be_chosen_and_then_nothing_else_happens(
    sandbox: Sandbox, callback: Callback, kind: str
) -> None:
    user = sandbox.log_in()
    ask(sandbox, kind, user_id="218471", issued_at=1291836800, expires=1291840400)
    payload = read(callback.deliveries[0], sandbox.world.app_secret)
    assert payload == {
        "user_id": "218471",
        "algorithm": "HMAC-SHA256",
        "issued_at": 1291836800,
        "expires": 1291840400,
    }
    assert is_alive(sandbox, user)


def test_a_forged_one_does_not_fit_the_apps_secret(sandbox: Sandbox, callback: Callback) -> None:
    ask(sandbox, "deletion", forged=True)
    with pytest.raises(AssertionError):
        read(callback.deliveries[0], sandbox.world.app_secret)


def test_removing_the_app_ends_its_tokens(sandbox: Sandbox, callback: Callback) -> None:
    user = sandbox.log_in()
    ask(sandbox, "deauthorize")
    assert not is_alive(sandbox, user)
    assert is_alive(sandbox, sandbox.log_in())


def test_asking_for_deletion_ends_no_token(sandbox: Sandbox, callback: Callback) -> None:
    user = sandbox.log_in()
    ask(sandbox, "deletion")
    assert is_alive(sandbox, user)


def test_a_client_that_revokes_all_permissions_removes_the_app(
    sandbox: Sandbox, callback: Callback
) -> None:
    user = sandbox.log_in()
    answer = sandbox.client.delete("/v26.0/me/permissions", params={"access_token": user})
    assert answer.json() == {"success": True}
    wait_until(lambda: bool(callback.deliveries), "the deauthorize callback")
    assert read(callback.deliveries[0], sandbox.world.app_secret)["user_id"] == PERSON["id"]
    assert not is_alive(sandbox, user)


def test_revoking_one_permission_calls_nobody(sandbox: Sandbox, callback: Callback) -> None:
    user = sandbox.log_in()
    path = "/v26.0/me/permissions/pages_read_engagement"
    sandbox.client.delete(path, params={"access_token": user})
    ask(sandbox, "deletion")
    assert len(callback.deliveries) == 1


@pytest.mark.parametrize("answer", [b"", b"done", b"[]", b'{"url": "https://x.example"}'])
def test_an_answer_without_url_and_code_is_not_accepted_for_a_deletion(
    sandbox: Sandbox, callback: Callback, answer: bytes
) -> None:
    callback.answer = answer
    assert ask(sandbox, "deletion").json()["accepted"] is False
    assert ask(sandbox, "deauthorize").json()["accepted"] is True


def test_a_refusal_is_shown(sandbox: Sandbox, callback: Callback) -> None:
    callback.statuses = [401]
    shown = ask(sandbox, "deletion").json()
    assert (shown["status"], shown["accepted"]) == (401, False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense", "http://127.0.0.1:99999/"])
def test_a_callback_that_cannot_be_reached_is_shown(sandbox: Sandbox, url: str) -> None:
    sandbox.world.switches.deletion_callback = url
    shown = ask(sandbox, "deletion").json()
    assert (shown["status"], shown["accepted"]) == (None, False)
    assert shown["error"]


@pytest.mark.parametrize("kind", KINDS)
def test_without_an_address_nothing_is_sent(sandbox: Sandbox, kind: str) -> None:
    answer = ask(sandbox, kind)
    assert answer.status_code == 400
    assert f"{kind}_callback" in answer.json()["error"]


@pytest.mark.parametrize(
    "body", [b"x", b"[]", b'{"colour": "red"}', b'{"forged": 1}', b'{"issued_at": true}']
)
def test_a_mistake_is_told_with_what_is_possible(
    sandbox: Sandbox, callback: Callback, body: bytes
) -> None:
    answer = sandbox.client.post("/_sandbox/deauthorize", content=body)
    assert answer.status_code == 400
    assert "forged (bool)" in answer.json()["error"]
    assert callback.deliveries == []
