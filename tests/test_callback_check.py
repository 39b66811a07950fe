"""What comes when a callback is asked as Meta would ask it."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from fbsync.callback_check import CallbackAnswer, ask_callback
from tests.callback import Callback, callback_server, one_connection
from tests.certificates import certificate
from tests.ports import free_port

TOKEN = "a-verify-token"


@pytest.fixture
def callback() -> Iterator[Callback]:
    with callback_server() as running:
        yield running


def answering(callback: Callback, status: int, body: str, **headers: str) -> CallbackAnswer:
    """The verdict over this answer; "{}" in the body stands for the challenge."""
    callback.challenge = lambda query: (
        status,
        body.replace("{}", query["hub.challenge"]).encode(),
        headers,
    )
    return ask_callback(callback.url, TOKEN)


def test_the_bare_challenge_is_right(callback: Callback) -> None:
    assert answering(callback, 200, "{}").fault is None
    (query,) = callback.handshakes
    assert (query["hub.mode"], query["hub.verify_token"]) == ("subscribe", TOKEN)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('"{}"', "in quotes, as JSON"),
        ("{}\n", "blanks around it"),
        ("<!DOCTYPE html><p>Visit site</p>", "a web page"),
        ("OK", "another text"),
        ("", "nothing"),
        ("x" * 100_000, "another text"),
        (json.dumps({"challenge": "{}"}), "another text"),
    ],
)
def test_any_other_body_is_named(callback: Callback, body: str, told: str) -> None:
    answer = answering(callback, 200, body)
    assert answer.fault == "body"
    assert told in answer.found
    assert "bare challenge" in answer.found
    assert answer.advice


def test_a_redirect_is_not_followed_and_its_query_is_not_told(callback: Callback) -> None:
    with callback_server() as elsewhere:
        answer = answering(callback, 301, "", Location=f"{elsewhere.url}?hub.verify_token={TOKEN}")
        assert elsewhere.handshakes == []
    assert answer.fault == "redirect"
    assert f"301 Moved Permanently) to {elsewhere.url}, " in answer.found
    assert TOKEN not in answer.found


def test_a_refusal_points_to_the_token(callback: Callback) -> None:
    answer = answering(callback, 403, "Verification failed")
    assert (answer.fault, answer.found) == ("refused", "it refused (403 Forbidden)")
    assert "FACEBOOK_VERIFY_TOKEN" in answer.advice


@pytest.mark.parametrize("status", [404, 500, 204])
def test_another_status_is_named(callback: Callback, status: int) -> None:
    answer = answering(callback, status, "")
    assert (answer.fault, str(status) in answer.found) == ("status", True)


def test_a_refused_connection_says_what_to_start() -> None:
    answer = ask_callback(f"http://127.0.0.1:{free_port()}/hook", TOKEN)
    assert (answer.fault, answer.found) == ("unreachable", "the connection was refused")
    assert "fbsync listen" in answer.advice


def test_an_unknown_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # The network guard refuses every look-up, so the resolver's answer is made here.
    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    answer = ask_callback("https://nowhere.invalid/hook", TOKEN)
    assert (answer.fault, answer.found) == (
        "unreachable",
        "the name nowhere.invalid is not found",
    )


def test_a_self_signed_certificate_is_told() -> None:
    with callback_server(certificate().context) as callback:
        answer = ask_callback(callback.url, TOKEN)
        assert callback.handshakes == []
    assert answer.fault == "certificate"
    assert "self-signed" in answer.found


@pytest.mark.parametrize(
    ("asked", "host", "days", "why"),
    [
        ("127.0.0.1", "127.0.0.1", 0, "expired"),
        ("127.0.0.1", "127.0.0.9", 1, "for another address"),
        ("localhost", "shop.example", 1, "for another host"),
    ],
)
def test_what_else_is_wrong_with_a_known_certificate_is_told(
    asked: str, host: str, days: int, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(host, days)
    trusting = ssl.create_default_context(cadata=made.public)
    # As if an authority that everybody knows had signed it.
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: trusting)
    with callback_server(made.context) as callback:
        answer = ask_callback(callback.url.replace("127.0.0.1", asked), TOKEN)
    assert answer.fault == "certificate"
    assert why in answer.found


def test_plain_http_behind_https_is_told(callback: Callback) -> None:
    answer = ask_callback(callback.url.replace("http:", "https:"), TOKEN)
    assert (answer.fault, answer.found) == ("certificate", "it speaks no TLS that we understand")


def test_silence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbsync.callback_check.SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = ask_callback(f"http://127.0.0.1:{silent.getsockname()[1]}/hook", TOKEN)
    assert answer.fault == "unreachable"
    assert "did not answer" in answer.found


def drip(connection: socket.socket) -> None:
    """A body that never comes to its end; each byte comes in time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    # The other side leaves at its deadline.
    with suppress(OSError):
        while True:
            connection.sendall(b"x")
            time.sleep(0.01)


def test_an_answer_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbsync.callback_check.SECONDS", 0.2)
    with one_connection(drip) as url:
        answer = ask_callback(url, TOKEN)
    assert answer.fault == "unreachable"


def test_a_server_that_hangs_up_gives_no_answer() -> None:
    with one_connection(lambda connection: None) as url:
        answer = ask_callback(url, TOKEN)
    assert answer.fault == "unreachable"
    assert "no answer came" in answer.found
