"""What `fbsync test-webhook` finds at a good listener and at bad ones."""

import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from fbsync.checklist import Checklist, Step
from fbsync.database.engine import Database, sqlite_url
from fbsync.probe import Target, is_up, local_url, probe
from tests.callback import Callback, callback_server
from tests.ports import free_port
from tests.test_listening_application import SECRET, TOKEN, Listener, locked, running_listener

NAMES = ["handshake", "handshake-wrong-token", "plain", "wrong-secret", "no-signature"]
OTHER_SECRET = "fedcba9876543210" * 2

Answer = tuple[int, bytes, dict[str, str]]


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr("fbsync.database.engine.LOCK_WAIT_SECONDS", 0.05)
    file = tmp_path / "f.sqlite3"
    with (
        closing(Database(sqlite_url(file))) as database,
        running_listener(database, file) as running,
    ):
        yield running


@pytest.fixture
def callback() -> Iterator[Callback]:
    with callback_server() as running:
        yield running


def steps(url: str, app_secret: str = SECRET, verify_token: str = TOKEN) -> dict[str, Step]:
    """What the probe found, by name. No step ever shows a secret."""
    shown: list[Step] = []
    checklist = Checklist(shown.append)
    probe(Target(url, app_secret, verify_token), checklist)
    assert shown == checklist.steps
    assert [step.name for step in shown] == NAMES
    assert not any(secret in step.detail for step in shown for secret in (app_secret, verify_token))
    return {step.name: step for step in shown}


def failed(found: dict[str, Step]) -> list[str]:
    return [name for name, step in found.items() if not step.ok]


def well_behaved(query: dict[str, str]) -> Answer:
    if query["hub.verify_token"] != TOKEN:
        return 403, b"no", {}
    return 200, query["hub.challenge"].encode(), {}


class TestListener:
    def test_a_good_listener_passes_every_check(self, listener: Listener) -> None:
        found = steps(listener.url)
        assert {name: (step.state, step.detail) for name, step in found.items()} == {
            "handshake": ("done", "challenge echoed"),
            "handshake-wrong-token": ("done", "refused with 403"),
            "plain": ("done", "accepted"),
            "wrong-secret": ("done", "refused with 401"),
            "no-signature": ("done", "refused with 401"),
        }

    def test_the_signed_event_is_recorded_and_no_page_is_read_for_it(
        self, listener: Listener
    ) -> None:
        steps(listener.url)
        assert len(listener.kept()) == 1
        assert listener.inbox.pages() == {}

    def test_another_verify_token_is_named_as_the_cause(self, listener: Listener) -> None:
        found = steps(listener.url, verify_token="another-token")
        assert failed(found) == ["handshake"]
        assert "FACEBOOK_VERIFY_TOKEN" in found["handshake"].detail

    def test_another_app_secret_is_named_as_the_cause(self, listener: Listener) -> None:
        found = steps(listener.url, app_secret=OTHER_SECRET)
        assert failed(found) == ["plain"]
        assert "FACEBOOK_APP_SECRET" in found["plain"].detail

    def test_a_listener_without_its_database_fails_at_the_event(self, listener: Listener) -> None:
        with locked(listener.file):
            found = steps(listener.url)
        assert failed(found) == ["plain"]
        assert found["plain"].detail == "expected 200, got 503"

    def test_a_proxy_of_the_environment_is_not_asked(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        assert failed(steps(listener.url)) == []

    def test_a_wrong_path_fails_every_step(self, listener: Listener) -> None:
        found = steps(f"{listener.url}/more")
        assert failed(found) == NAMES
        assert found["plain"].detail == "expected 200, got 404"


def quoted(query: dict[str, str]) -> Answer:
    return 200, json.dumps(query["hub.challenge"]).encode(), {}


def with_a_newline(query: dict[str, str]) -> Answer:
    return 200, query["hub.challenge"].encode() + b"\n", {}


def empty(query: dict[str, str]) -> Answer:
    return 200, b"", {}


class TestHandshake:
    @pytest.mark.parametrize("challenge", [quoted, with_a_newline, empty])
    def test_a_challenge_that_does_not_come_back_bare_is_a_failure(
        self, callback: Callback, challenge: Callable[[dict[str, str]], Answer]
    ) -> None:
        callback.challenge = challenge
        step = steps(callback.url)["handshake"]
        assert step.state == "failed"
        assert "bare challenge" in step.detail

    def test_a_listener_that_takes_any_token_fails(self, callback: Callback) -> None:
        found = steps(callback.url)
        assert found["handshake"].ok
        assert not found["handshake-wrong-token"].ok
        assert found["handshake-wrong-token"].detail == "expected 403, got 200"

    @pytest.mark.parametrize(
        ("status", "state"),
        [(400, "done"), (401, "done"), (404, "failed"), (500, "failed"), (204, "failed")],
    )
    def test_a_wrong_token_may_be_refused_with_any_status_that_blames_the_sender(
        self, callback: Callback, status: int, state: str
    ) -> None:
        callback.challenge = lambda query: (
            well_behaved(query) if query["hub.verify_token"] == TOKEN else (status, b"", {})
        )
        found = steps(callback.url)
        assert found["handshake"].ok
        assert found["handshake-wrong-token"].state == state
        assert str(status) in found["handshake-wrong-token"].detail

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_not_followed_and_told(self, callback: Callback, status: int) -> None:
        with callback_server() as elsewhere:
            callback.challenge = lambda query: (status, b"", {"Location": elsewhere.url})
            found = steps(callback.url)
            assert elsewhere.handshakes == []
        detail = found["handshake"].detail
        assert f"redirected ({status} " in detail
        assert "does not follow redirects" in detail
        assert not found["handshake-wrong-token"].ok

    def test_it_asks_as_meta_does(self, callback: Callback) -> None:
        steps(callback.url)
        right, wrong = callback.handshakes
        assert right["hub.mode"] == wrong["hub.mode"] == "subscribe"
        assert right["hub.challenge"].isdigit()
        assert right["hub.verify_token"] == TOKEN
        assert wrong["hub.verify_token"] not in ("", TOKEN)


class TestEvents:
    @pytest.mark.parametrize(
        ("statuses", "wrong"),
        [
            ([200, 401, 401], {}),
            ([200, 200, 401], {"wrong-secret": "expected 401, got 200"}),
            ([200, 401, 200], {"no-signature": "expected 401, got 200"}),
            (
                [200, 403, 400],
                {
                    "wrong-secret": "expected 401, got 403",
                    "no-signature": "expected 401, got 400",
                },
            ),
            ([500, 401, 401], {"plain": "expected 200, got 500"}),
            ([204, 401, 401], {"plain": "expected 200, got 204"}),
        ],
    )
    def test_each_answer_is_judged_by_itself(
        self, callback: Callback, statuses: list[int], wrong: dict[str, str]
    ) -> None:
        callback.challenge = well_behaved
        callback.statuses = list(statuses)
        found = steps(callback.url)
        assert {name: found[name].detail for name in failed(found)} == wrong

    def test_they_look_and_are_signed_as_metas(self, callback: Callback) -> None:
        steps(callback.url)
        signed, forged, unsigned = callback.deliveries
        assert signed.body.isascii()
        assert b"\\u2615" in signed.body
        payload = json.loads(signed.body)
        assert payload["object"] == "page"
        assert [entry["id"] for entry in payload["entry"]] == ["0"]
        assert signed.headers["Content-Type"] == "application/json"
        assert signed.headers["User-Agent"].startswith("Webhooks/1.0")
        for header, name in (("X-Hub-Signature-256", "sha256"), ("X-Hub-Signature", "sha1")):
            digest = hmac.new(SECRET.encode(), signed.body, name).hexdigest()
            assert signed.headers[header] == f"{name}={digest}"
            assert forged.headers[header].startswith(f"{name}=")
            assert forged.headers[header] != signed.headers[header]
            assert header not in unsigned.headers


@contextmanager
def server_that_hangs_up() -> Iterator[str]:
    """Takes each connection and ends it without a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            for _ in NAMES:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1 << 16)

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        thread.join()


class TestNoAnswer:
    def test_without_a_listener_every_check_fails_and_says_so(self) -> None:
        found = steps(f"http://127.0.0.1:{free_port()}/hook")
        assert failed(found) == NAMES
        assert found.pop("handshake").detail.startswith("the connection was refused.")
        assert {step.detail for step in found.values()} == {
            "no answer (ConnectError); is the listener up?"
        }

    def test_a_listener_that_hangs_up_fails_every_check(self) -> None:
        with server_that_hangs_up() as url:
            found = steps(url)
        assert failed(found) == NAMES
        assert all("no answer" in step.detail for step in found.values())


class TestAddress:
    def test_a_listener_is_up_only_while_it_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
            assert is_up(url)
        assert not is_up(url)

    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("http://shop.example/hook", ("shop.example", 80)),
            ("https://shop.example/hook", ("shop.example", 443)),
            ("https://shop.example:8443/hook", ("shop.example", 8443)),
            ("http://[::1]:5000/hook", ("::1", 5000)),
        ],
    )
    def test_the_port_is_the_schemes_own_where_none_is_named(
        self, monkeypatch: pytest.MonkeyPatch, url: str, address: tuple[str, int]
    ) -> None:
        asked: list[tuple[str, int]] = []

        def refuse(address: tuple[str, int], **_: object) -> socket.socket:
            asked.append(address)
            raise ConnectionRefusedError

        # No test leaves this machine, so the network is played here.
        monkeypatch.setattr(socket, "create_connection", refuse)
        assert not is_up(url)
        assert asked == [address]

    @pytest.mark.parametrize(
        ("callback_url", "expected"),
        [
            ("http://localhost:7000/hook", "http://localhost:7000/hook"),
            ("http://127.0.0.1:7000/hook", "http://127.0.0.1:7000/hook"),
            ("http://[::1]:7000/hook", "http://[::1]:7000/hook"),
            ("https://shop.example/hook", "http://127.0.0.1:5000/facebook/webhook"),
            ("https://localhost.shop.example/", "http://127.0.0.1:5000/facebook/webhook"),
        ],
    )
    def test_a_callback_on_this_machine_is_tested_there_and_any_other_by_the_default(
        self, callback_url: str, expected: str
    ) -> None:
        assert local_url(callback_url) == expected
