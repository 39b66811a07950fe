"""The listener's application on a real server, with a real database behind it."""

import hashlib
import hmac
import json
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from fbsync.callback_check import ask_callback
from fbsync.database.durability import Durability
from fbsync.database.engine import LOCK_WAIT_SECONDS, Database, sqlite_url
from fbsync.database.handshakes import Handshakes
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import deliveries
from fbsync.listening.application import (
    MAX_BODY_BYTES,
    WEBHOOK_PATH,
    Callback,
    build_app,
    relay_route,
)
from fbsync.listening.group_commit import COMMIT_SECONDS, GroupCommit
from fbsync.listening.handshake_log import HandshakeLog
from fbsync.notice import Notice
from fbsync.page import PageId
from tests.edge_server import behind_the_edge
from tests.servers import wait_until

SECRET = "0123456789abcdef" * 2
TOKEN = "a-verify-token"
REDIRECT_PATH = "/facebook/callback"
RELAY_HEADER = "X-Relay"
EVENT = json.dumps(
    {
        "object": "page",
        "entry": [{"id": "1", "time": 1, "changes": [{"field": "name", "value": "Café \u2615"}]}],
    }
).encode()


@dataclass(frozen=True)
class Listener:
    """A running listener, its database, and what it reported."""

    url: str
    file: Path
    database: Database
    inbox: DatabaseInbox
    notices: list[Notice]
    client: httpx.Client

    def post(
        self, body: bytes | Iterator[bytes], headers: Mapping[str, str | bytes]
    ) -> httpx.Response:
        pairs = [(name, value) for name, value in headers.items()]
        encoded = [(n.encode(), v.encode() if isinstance(v, str) else v) for n, v in pairs]
        return self.client.post(self.url, content=body, headers=encoded)

    def post_signed(self, body: bytes) -> httpx.Response:
        return self.post(body, sha256(body))

    def kept(self) -> list[bytes]:
        """The bodies in the database."""
        with self.database.read() as connection:
            return [bytes(row.body) for row in connection.execute(select(deliveries))]

    def only_notice(self) -> Notice:
        (notice,) = self.notices
        return notice

    @contextmanager
    def half_sent(self, body: bytes) -> Iterator[socket.socket]:
        """A connection on which the first half of a signed body has come."""
        parts = httpx.URL(self.url)
        assert parts.port
        with socket.create_connection((parts.host, parts.port), timeout=60) as connection:
            signature = sha256(body)["X-Hub-Signature-256"]
            head = (
                f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Length: {len(body)}\r\nX-Hub-Signature-256: {signature}\r\n\r\n"
            )
            connection.sendall(head.encode() + body[: len(body) // 2])
            yield connection


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr("fbsync.database.engine.LOCK_WAIT_SECONDS", 0.05)
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as opened:
        yield opened


@pytest.fixture
def listener(database: Database, tmp_path: Path) -> Iterator[Listener]:
    with running_listener(database, tmp_path / "f.sqlite3") as running:
        yield running


@contextmanager
def running_listener(database: Database, file: Path) -> Iterator[Listener]:
    """The whole first half of the hallway."""
    inbox, notices = DatabaseInbox(database), list[Notice]()
    with (
        GroupCommit(inbox, Durability(database)) as group_commit,
        HandshakeLog(Handshakes(database).record) as handshakes,
    ):
        callback = Callback(SECRET, TOKEN, group_commit.record, notices.append, handshakes.note)
        app = build_app(callback, relay_route(REDIRECT_PATH, RELAY_HEADER))
        edge = behind_the_edge(app)
        with edge as server, httpx.Client(trust_env=False, timeout=60) as client:
            yield Listener(f"{server.url}{WEBHOOK_PATH}", file, database, inbox, notices, client)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program holds the database's write lock."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("begin immediate")
        yield
        other.execute("rollback")


def signature(name: str, body: bytes, secret: str = SECRET) -> str:
    return f"{name}={hmac.new(secret.encode(), body, name).hexdigest()}"


def sha256(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": signature("sha256", body)}


def sha1(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature": signature("sha1", body)}


def event(*page_ids: object, **more: object) -> bytes:
    entries = [{"id": page, "time": 1, "changes": []} for page in page_ids]
    return json.dumps({"object": "page", "entry": entries, **more}).encode()


def handshake(**changes: str) -> dict[str, str]:
    query = {"mode": "subscribe", "challenge": "1158201444", "verify_token": TOKEN} | changes
    return {f"hub.{name}": value for name, value in query.items() if value != "absent"}


class TestHandshake:
    @pytest.mark.parametrize(
        "challenge", ["1158201444", "0042", "a b&c=d+e", "<script>x</script>", "☕é", "x" * 1024]
    )
    def test_the_challenge_comes_back_as_it_came_and_as_plain_text(
        self, listener: Listener, challenge: str
    ) -> None:
        answer = listener.client.get(listener.url, params=handshake(challenge=challenge))
        assert answer.status_code == 200
        assert answer.content == challenge.encode()
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert listener.only_notice().kind == "handshake"

    @pytest.mark.parametrize(
        "change",
        [
            {"verify_token": "another-token"},
            {"verify_token": TOKEN.upper()},
            {"verify_token": ""},
            {"verify_token": "absent"},
            {"verify_token": "é☕"},
            {"mode": "unsubscribe"},
            {"mode": "absent"},
            {"challenge": ""},
            {"challenge": "absent"},
            {"challenge": "x" * 1025},
        ],
    )
    def test_a_wrong_handshake_is_refused_and_echoes_nothing(
        self, listener: Listener, change: dict[str, str]
    ) -> None:
        query = handshake(**change)
        answer = listener.client.get(listener.url, params=query)
        assert answer.status_code == 403
        assert answer.text == "Verification failed"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        notice = listener.only_notice()
        assert notice.kind == "refused"
        assert TOKEN not in notice.detail

    def test_how_each_handshake_ended_is_written_down_and_no_token(
        self, listener: Listener
    ) -> None:
        for change in ({}, {"verify_token": "hush-hush"}, {"mode": "absent"}):
            listener.client.get(listener.url, params=handshake(**change))
        seen = Handshakes(listener.database)
        wait_until(lambda: len(seen.since(0)) == 3, "the records")
        results = ["answered", "wrong token", "wrong mode"]
        assert [one.result for one in seen.since(0)] == results
        for secret in (TOKEN, "hush-hush"):
            assert secret.encode() not in listener.file.read_bytes()

    def test_what_fbsync_asks_itself_is_answered_and_not_written_down(
        self, listener: Listener
    ) -> None:
        assert ask_callback(listener.url, TOKEN).fault is None
        assert ask_callback(listener.url, "another-token").fault == "refused"
        listener.client.get(listener.url, params=handshake(mode="absent"))
        seen = Handshakes(listener.database)
        wait_until(lambda: bool(seen.since(0)), "the record of the last one")
        assert [one.result for one in seen.since(0)] == ["wrong mode"]

    def test_a_visit_without_a_query_is_refused(self, listener: Listener) -> None:
        assert listener.client.get(listener.url).status_code == 403


class TestSignature:
    @pytest.mark.parametrize(
        "headers",
        [
            sha256(EVENT),
            sha256(EVENT) | sha1(EVENT),
            sha1(EVENT),
            {name.lower(): value for name, value in sha256(EVENT).items()},
            sha256(EVENT) | {"X-Hub-Signature": "sha1=wrong"},
        ],
        ids=["sha256", "both", "sha1 alone", "lower case", "sha256 right, sha1 wrong"],
    )
    def test_a_signed_event_is_recorded_byte_for_byte_before_the_200(
        self, listener: Listener, headers: dict[str, str]
    ) -> None:
        answer = listener.post(EVENT, headers)
        assert (answer.status_code, answer.json()) == (200, {"status": "success"})
        assert listener.kept() == [EVENT]
        assert listener.inbox.pages()[PageId("1")].marks == 1
        notice = listener.only_notice()
        assert notice.kind == "event"
        event = hashlib.sha256(EVENT).hexdigest()[:16]
        assert notice.detail == f"{event} recorded; pages: 1"
        assert (notice.status, notice.event, notice.pages) == (200, event, ("1",))
        assert notice.seconds is not None

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            sha1(EVENT) | {"X-Hub-Signature-256": signature("sha256", EVENT, "another-secret")},
            sha1(EVENT) | {"X-Hub-Signature-256": ""},
            {"X-Hub-Signature-256": signature("sha1", EVENT)},
            {"X-Hub-Signature-256": signature("sha256", EVENT).removeprefix("sha256=")},
            {"X-Hub-Signature-256": "sha256=\u00e9".encode()},
            {"X-Hub-Signature": signature("sha1", EVENT, "another-secret")},
            {"X-Hub-Signature": signature("sha256", EVENT)},
            {"X-Hub-Signature": ""},
        ],
        ids=[
            "unsigned",
            "sha256 wrong, sha1 right",
            "sha256 empty, sha1 right",
            "sha1 as sha256",
            "no prefix",
            "no ASCII",
            "sha1 wrong",
            "sha256 as sha1",
            "sha1 empty",
        ],
    )
    def test_any_other_event_is_refused_and_not_recorded(
        self, listener: Listener, headers: dict[str, str | bytes]
    ) -> None:
        answer = listener.post(EVENT, headers)
        assert answer.status_code == 401
        assert answer.json()["status"] == "error"
        assert listener.kept() == []
        notice = listener.only_notice()
        assert notice.kind == "refused"
        assert notice.detail.startswith("401 ")

    @pytest.mark.parametrize("index", [0, len(EVENT) // 2, len(EVENT) - 1])
    def test_one_changed_byte_is_refused(self, listener: Listener, index: int) -> None:
        changed = EVENT[:index] + bytes([EVENT[index] ^ 1]) + EVENT[index + 1 :]
        assert listener.post(changed, sha256(EVENT)).status_code == 401
        assert listener.kept() == []

    def test_neither_secret_nor_signature_is_told_to_anybody(self, listener: Listener) -> None:
        told = listener.post(EVENT, sha256(EVENT + b" ")).text + listener.only_notice().detail
        for secret in (SECRET, signature("sha256", EVENT), signature("sha256", EVENT + b" ")):
            assert secret.removeprefix("sha256=") not in told

    def test_the_operator_learns_the_likely_mistake_and_the_sender_does_not(
        self, listener: Listener
    ) -> None:
        answer = listener.post(EVENT, sha256(EVENT + b"\n"))
        assert answer.status_code == 401
        assert "newline" in listener.only_notice().detail
        assert "newline" not in answer.text


class TestDelivery:
    @pytest.mark.parametrize(
        "body",
        [
            event("1", object="user"),
            b'{"entry": []}',
            b"[]",
            b"no json",
            b"",
            b"\xff\xfe",
        ],
        ids=["user", "no object", "list", "text", "empty", "no UTF-8"],
    )
    def test_a_signed_body_that_is_not_about_pages_is_refused(
        self, listener: Listener, body: bytes
    ) -> None:
        assert listener.post_signed(body).status_code == 400
        assert listener.kept() == []
        assert listener.only_notice().kind == "refused"

    @pytest.mark.parametrize("body", [event("0"), event(0), event("0", None)])
    def test_a_test_event_is_kept_and_names_no_page(self, listener: Listener, body: bytes) -> None:
        assert listener.post_signed(body).status_code == 200
        assert listener.kept() == [body]
        assert listener.inbox.pages() == {}
        assert "pages: none" in listener.only_notice().detail

    @pytest.mark.parametrize(
        "body",
        [
            event(),
            event("../../etc"),
            event(None, True, "9" * 33),
            b'{"object": "page"}',
            b'{"object": "page", "entry": ["1"], "new": {}}',
            b"[" * 100_000,
            b'{"object": "page", "entry": ' + b"9" * 5000 + b"}",
        ],
        ids=["no entry", "no id", "no ids", "nothing", "new shape", "deep", "huge number"],
    )
    def test_a_signed_body_that_names_no_page_is_kept_as_a_dead_letter_and_the_next_goes_on(
        self, listener: Listener, body: bytes
    ) -> None:
        assert listener.post_signed(body).status_code == 200
        assert listener.kept() == [body]
        assert listener.inbox.pages() == {}
        assert "dead letter" in listener.only_notice().detail
        assert listener.post_signed(EVENT).status_code == 200
        assert listener.inbox.pages()[PageId("1")].marks == 1

    def test_a_repeated_event_is_kept_once_and_marks_its_page_again(
        self, listener: Listener
    ) -> None:
        assert [listener.post_signed(EVENT).status_code for _ in range(2)] == [200, 200]
        assert listener.kept() == [EVENT]
        assert listener.inbox.pages()[PageId("1")].marks == 2

    @pytest.mark.parametrize(
        ("count", "told"), [(5, "pages: 1, 2, 3, 4, 5"), (7, "pages: 1, 2, 3, 4, 5 and 2 more")]
    )
    def test_all_pages_of_an_event_are_marked_and_the_first_five_are_told(
        self, listener: Listener, count: int, told: str
    ) -> None:
        assert listener.post_signed(event(*range(1, count + 1))).status_code == 200
        assert len(listener.inbox.pages()) == count
        assert listener.only_notice().detail.endswith(told)

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("PUT", WEBHOOK_PATH, 405),
            ("DELETE", WEBHOOK_PATH, 405),
            ("POST", f"{WEBHOOK_PATH}/more", 404),
            ("POST", f"{WEBHOOK_PATH}/", 404),
            ("GET", "/a-secret", 404),
            ("POST", "/", 404),
        ],
    )
    def test_other_methods_and_paths_are_not_there_and_are_told_without_what_was_asked_for(
        self, listener: Listener, method: str, path: str, status: int
    ) -> None:
        url = httpx.URL(listener.url).copy_with(path=path)
        answer = listener.client.request(method, url, content=EVENT, headers=sha256(EVENT))
        assert answer.status_code == status
        assert listener.kept() == []
        told = {404: "404 unknown address", 405: "405 no such method at this address"}[status]
        assert listener.only_notice() == Notice("refused", told, status)


def whole(body: bytes) -> bytes:
    return body


def in_chunks(body: bytes) -> Iterator[bytes]:
    """Without a length in front."""
    for start in range(0, len(body), 1 << 20):
        yield body[start : start + (1 << 20)]


class TestBody:
    @pytest.mark.parametrize("sent", [whole, in_chunks])
    def test_a_body_at_the_limit_is_read(
        self, listener: Listener, sent: Callable[[bytes], bytes | Iterator[bytes]]
    ) -> None:
        body = EVENT.ljust(MAX_BODY_BYTES)
        assert listener.post(sent(body), sha256(body)).status_code == 200
        assert listener.kept() == [body]

    @pytest.mark.parametrize("sent", [whole, in_chunks])
    def test_a_body_beyond_the_limit_is_refused(
        self, listener: Listener, sent: Callable[[bytes], bytes | Iterator[bytes]]
    ) -> None:
        body = EVENT.ljust(MAX_BODY_BYTES + 1)
        answer = listener.post(sent(body), sha256(body))
        assert answer.status_code == 413
        assert str(MAX_BODY_BYTES) in answer.json()["message"]
        assert listener.kept() == []
        assert listener.only_notice().detail.startswith("413 ")

    def test_a_body_that_does_not_come_to_its_end_in_time_is_refused(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.listening.http_edge.RECEIVE_SECONDS", 0.1)
        with listener.half_sent(EVENT) as connection, closing(HTTPResponse(connection)) as answer:
            answer.begin()
            assert answer.status == 408
        assert listener.only_notice().detail.startswith("408 ")
        assert listener.kept() == []

    def test_a_sender_who_leaves_early_is_reported_and_the_next_is_served(
        self, listener: Listener
    ) -> None:
        with listener.half_sent(EVENT):
            pass
        wait_until(lambda: bool(listener.notices), "the report")
        assert listener.only_notice().kind == "refused"
        assert "ended before" in listener.only_notice().detail
        assert listener.kept() == []
        assert listener.post_signed(EVENT).status_code == 200


class TestDatabase:
    def test_an_event_is_not_acknowledged_until_the_database_takes_it(
        self, listener: Listener
    ) -> None:
        with locked(listener.file):
            refused = listener.post_signed(EVENT)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert "send it again" in refused.json()["message"]
        assert "locked" in listener.only_notice().detail
        assert listener.kept() == []
        assert listener.post_signed(EVENT).status_code == 200
        assert listener.kept() == [EVENT]

    def test_a_commit_that_takes_too_long_is_not_acknowledged(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.listening.group_commit.COMMIT_SECONDS", 0.1)
        file = tmp_path / "f.sqlite3"
        with (
            closing(Database(sqlite_url(file))) as database,
            running_listener(database, file) as listener,
            locked(file),
        ):
            answer = listener.post_signed(EVENT)
            assert answer.status_code == 503
            assert "A commit took longer than" in answer.json()["message"]
            assert "Retry-After" in answer.headers
            assert listener.kept() == []

    def test_the_lock_of_another_is_told_before_meta_gives_up(self) -> None:
        meta_gives_up_seconds = 5
        assert LOCK_WAIT_SECONDS < COMMIT_SECONDS < meta_gives_up_seconds

    @pytest.mark.parametrize(("body", "signed"), [(EVENT, b""), (b"no json", b"no json")])
    def test_only_a_503_asks_for_another_try(
        self, listener: Listener, body: bytes, signed: bytes
    ) -> None:
        answer = listener.post(body, sha256(signed))
        assert answer.is_client_error
        assert "Retry-After" not in answer.headers


class TestRelay:
    def visit(self, listener: Listener, state: str, host: str = "localhost:5000") -> httpx.Response:
        url = httpx.URL(listener.url).copy_with(path=REDIRECT_PATH)
        query = {"code": "AQ#_=&%", "state": state}
        return listener.client.get(url, params=query, headers={"Host": host})

    @pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
    @pytest.mark.parametrize("port", [1024, 5001, 65535])
    def test_the_dialogs_answer_goes_on_to_the_login_on_this_machine(
        self, listener: Listener, host: str, port: int
    ) -> None:
        answer = self.visit(listener, f"some.state.{port}", host)
        assert answer.status_code == 302
        target = httpx.URL(answer.headers["Location"])
        assert (target.scheme, target.host, target.port) == ("http", "127.0.0.1", port)
        assert target.path == REDIRECT_PATH
        assert dict(target.params) == {"code": "AQ#_=&%", "state": f"some.state.{port}"}
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers[RELAY_HEADER] == "yes"

    @pytest.mark.parametrize(
        "state",
        [
            "",
            "state",
            "s.",
            "s.x",
            "s.0",
            "s.80",
            "s.1023",
            "s.65536",
            "s.-5001",
            "s.5001@x.example",
        ]
        + ["s." + "1" * 5000, "s.\u0665\u0660\u0660\u0661", "s. 5001", "s.5_001"],
    )
    def test_a_state_without_a_login_port_leads_nowhere(
        self, listener: Listener, state: str
    ) -> None:
        answer = self.visit(listener, state)
        assert answer.status_code == 404
        assert "fbsync login" in answer.text
        assert answer.headers[RELAY_HEADER] == "yes"

    @pytest.mark.parametrize(
        "host", ["shop.example", "localhost.shop.example", "127.0.0.2", "192.168.0.7:5000"]
    )
    def test_a_browser_that_came_from_outside_is_sent_nowhere(
        self, listener: Listener, host: str
    ) -> None:
        answer = self.visit(listener, "state.5001", host)
        assert answer.status_code == 404
        assert "Location" not in answer.headers

    def test_without_a_relay_the_path_is_not_there(self) -> None:
        async def record(_: object) -> None:
            """Nothing: nothing is sent."""

        app = build_app(Callback(SECRET, TOKEN, record, lambda notice: None, lambda result: None))
        with behind_the_edge(app) as server:
            answer = httpx.get(f"{server.url}{REDIRECT_PATH}?state=s.5001", trust_env=False)
        assert answer.status_code == 404
        assert RELAY_HEADER not in answer.headers
