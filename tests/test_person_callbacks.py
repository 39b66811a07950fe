"""Meta's callbacks about a person, on a real server with a real database behind it."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select
from starlette.applications import Starlette

from fbsync.database.departures import Departures
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import departures
from fbsync.database.vault import Vault
from fbsync.listening.person_callbacks import (
    DEAUTHORIZE_PATH,
    DELETION_PATH,
    MAX_BODY_BYTES,
    PersonCallbacks,
)
from fbsync.notice import Notice
from fbsync.page import PageAccess, PageId, UserToken
from tests.edge_server import behind_the_edge
from tests.test_listening_application import locked
from tests.test_signed_request import encoded, signed

SECRET = "0123456789abcdef" * 2
ADA = UserToken("218471", "Ada <Byron>", "EAAada")
ONE, TWO = PageId("1"), PageId("2")
PATHS = [DEAUTHORIZE_PATH, DELETION_PATH]


@dataclass(frozen=True)
class Listener:
    """The routes on a server, what they reported, and the tables behind them."""

    url: str
    file: Path
    database: Database
    vault: Vault
    inbox: DatabaseInbox
    notices: list[Notice]
    client: httpx.Client

    def send(self, path: str, request: str, **headers: str) -> httpx.Response:
        form = {"signed_request": request}
        return self.client.post(f"{self.url}{path}", data=form, headers=headers)

    def log_in(self, *page_ids: PageId) -> None:
        self.vault.save(ADA, [PageAccess(page, "Page", f"EAA{page}") for page in page_ids])

    def only_notice(self) -> Notice:
        (notice,) = self.notices
        return notice

    def recorded(self) -> int:
        with self.database.read() as connection:
            return len(connection.execute(select(departures)).all())


@pytest.fixture
def address() -> str:
    """FACEBOOK_WEBHOOK_ADDRESS; tests parametrize it."""
    return ""


@pytest.fixture
def lock_wait() -> float:
    """How long the database waits for a lock; tests parametrize it."""
    return 0.05


@pytest.fixture
def listener(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, lock_wait: float
) -> Iterator[Listener]:
    monkeypatch.setattr("fbsync.database.engine.LOCK_WAIT_SECONDS", lock_wait)
    file, notices = tmp_path / "f.sqlite3", list[Notice]()
    with closing(Database(sqlite_url(file))) as database:
        vault = Vault(database, [Fernet.generate_key().decode()])
        people = Departures(database, SECRET)
        routes = PersonCallbacks(SECRET, people, notices.append, address).routes()
        with (
            behind_the_edge(Starlette(routes=routes)) as server,
            httpx.Client(trust_env=False, timeout=60) as client,
        ):
            inbox = DatabaseInbox(database)
            yield Listener(server.url, file, database, vault, inbox, notices, client)


def request(secret: str = SECRET, /, **changes: object) -> str:
    fields = {"user_id": "218471", "algorithm": "HMAC-SHA256", "issued_at": int(time.time())}
    return signed(encoded(json.dumps(fields | changes).encode()), secret)


class TestDeauthorize:
    def test_the_persons_pages_are_parked_and_the_operator_is_told(
        self, listener: Listener
    ) -> None:
        listener.log_in(ONE, TWO)
        answer = listener.send(DEAUTHORIZE_PATH, request())
        assert (answer.status_code, answer.json()) == (200, {"status": "success"})
        assert listener.vault.users() == []
        assert all(state.parked for state in listener.inbox.pages().values())
        assert listener.only_notice() == Notice(
            "callback", "deauthorize: the tokens of 2 pages dropped", 200
        )

    def test_a_repeated_one_is_answered_alike_and_told_as_done_before(
        self, listener: Listener
    ) -> None:
        listener.log_in(ONE)
        text = request()
        answers = [listener.send(DEAUTHORIZE_PATH, text) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert (
            listener.notices[1].detail == "deauthorize: the tokens of 1 page dropped (done before)"
        )
        assert listener.recorded() == 1

    def test_one_from_before_the_login_is_recorded_and_drops_nothing(
        self, listener: Listener
    ) -> None:
        listener.log_in(ONE)
        answer = listener.send(DEAUTHORIZE_PATH, request(issued_at=int(time.time()) - 60))
        assert answer.status_code == 200
        assert listener.vault.users() == [ADA]
        assert "nothing dropped" in listener.only_notice().detail
        assert listener.recorded() == 1

    @pytest.mark.parametrize("path", PATHS)
    def test_one_that_names_no_time_counts_from_now(self, listener: Listener, path: str) -> None:
        listener.log_in(ONE)
        payload = b'{"user_id": "218471", "algorithm": "HMAC-SHA256"}'
        assert listener.send(path, signed(encoded(payload), SECRET)).status_code == 200
        assert listener.vault.users() == []


class TestDeletion:
    def test_the_answer_leads_to_a_page_that_says_what_was_deleted(
        self, listener: Listener
    ) -> None:
        listener.log_in(ONE, TWO)
        answer = listener.send(DELETION_PATH, request())
        assert answer.status_code == 200
        assert set(answer.json()) == {"url", "confirmation_code"}
        code = answer.json()["confirmation_code"]
        assert answer.json()["url"] == f"{listener.url}{DELETION_PATH}/{code}"
        assert listener.only_notice().detail == "data deletion: the tokens of 2 pages dropped"
        page = listener.client.get(answer.json()["url"])
        assert page.status_code == 200
        text = unescape(page.text)
        assert "your name and your login's token; the tokens of 2 pages" in text
        assert "public facts of Facebook Pages stay" in text
        assert f"done on {time.strftime('%Y-%m-%d', time.gmtime())}" in text
        for private in ("218471", "Ada", "Byron"):
            assert private not in page.text

    def test_the_same_code_comes_again_and_the_status_does_not_change(
        self, listener: Listener
    ) -> None:
        listener.log_in(ONE)
        first, second = (listener.send(DELETION_PATH, request()).json() for _ in range(2))
        assert first == second
        assert "the tokens of 1 page" in listener.client.get(second["url"]).text

    def test_where_nothing_was_stored_the_page_says_so(self, listener: Listener) -> None:
        url = listener.send(DELETION_PATH, request()).json()["url"]
        assert "Nothing of yours was stored" in listener.client.get(url).text

    def test_a_person_who_logged_in_again_reads_why_nothing_was_deleted(
        self, listener: Listener
    ) -> None:
        listener.log_in(ONE)
        url = listener.send(DELETION_PATH, request(issued_at=1_700_000_000)).json()["url"]
        text = listener.client.get(url).text
        assert "2023-11-14" in text
        assert "nothing was deleted" in text

    def test_the_page_loads_nothing_and_is_kept_nowhere(self, listener: Listener) -> None:
        url = listener.send(DELETION_PATH, request()).json()["url"]
        page = listener.client.get(url)
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<(script|img|link|style|iframe|form)|src=|href=", page.text)

    @pytest.mark.parametrize("code", ["0" * 32, "x", "%", "<script>", "..%2f..", "\u00e9"])
    def test_an_unknown_code_is_404_and_is_not_repeated(
        self, listener: Listener, code: str
    ) -> None:
        listener.send(DELETION_PATH, request())
        page = listener.client.get(f"{listener.url}{DELETION_PATH}/{code}")
        assert page.status_code == 404
        assert "script" not in page.text

    @pytest.mark.parametrize(
        ("address", "base"),
        [
            ("https://shop.example/facebook/webhook", "https://shop.example"),
            ("https://shop.example:8443/fb/facebook/webhook", "https://shop.example:8443/fb"),
            ("https://shop.example/fb/facebook/webhook/", "https://shop.example/fb"),
            ("https://shop.example/hook", "https://shop.example"),
        ],
    )
    def test_the_address_is_the_public_one_where_it_is_set(
        self, listener: Listener, base: str
    ) -> None:
        found = listener.send(DELETION_PATH, request()).json()
        assert found["url"] == f"{base}{DELETION_PATH}/{found['confirmation_code']}"

    def test_else_it_is_the_one_that_the_request_came_to(self, listener: Listener) -> None:
        headers = {"Host": "shop.example", "X-Forwarded-Proto": "https"}
        url = listener.send(DELETION_PATH, request(), **headers).json()["url"]
        assert url.startswith(f"https://shop.example{DELETION_PATH}/")


class TestRefused:
    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(
        "text",
        [request("another-secret"), request(algorithm="none"), request() + "x", "x.y"],
        ids=["another secret", "another algorithm", "altered", "no signature"],
    )
    def test_a_forged_request_is_401_and_nothing_is_written(
        self, listener: Listener, path: str, text: str
    ) -> None:
        listener.log_in(ONE)
        answer = listener.send(path, text)
        assert answer.status_code == 401
        assert answer.json()["status"] == "error"
        assert listener.vault.users() == [ADA]
        assert listener.recorded() == 0
        notice = listener.only_notice()
        assert notice.kind == "refused"
        assert notice.detail.startswith("401 ")
        for secret in (SECRET, text.partition(".")[0]):
            assert secret not in answer.text + notice.detail

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"other=1",
            b"signed_request=",
            b"signed_request=nodot",
            b"signed_request=a.b&signed_request=a.b",
            b"&".join(b"x%d=1" % number for number in range(11)),
            b"\xff\xfe",
            f"signed_request={signed(encoded(b'[1]'), SECRET)}".encode(),
        ],
        ids=["empty", "another field", "no text", "no dot", "twice", "many", "bytes", "a list"],
    )
    def test_a_malformed_one_is_400(self, listener: Listener, path: str, body: bytes) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = listener.client.post(f"{listener.url}{path}", content=body, headers=form)
        assert answer.status_code == 400
        assert "Retry-After" not in answer.headers
        assert listener.recorded() == 0
        assert listener.only_notice().detail.startswith("400 ")

    @pytest.mark.parametrize("path", PATHS)
    def test_a_long_one_is_413(self, listener: Listener, path: str) -> None:
        answer = listener.send(path, "x" * MAX_BODY_BYTES)
        assert answer.status_code == 413
        assert listener.only_notice().detail.startswith("413 ")

    def test_one_that_does_not_come_to_its_end_is_408(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.listening.http_edge.RECEIVE_SECONDS", 0.1)
        url = httpx.URL(listener.url)
        head = f"POST {DELETION_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode()
        with socket.create_connection((url.host, url.port or 0), timeout=60) as connection:
            connection.sendall(head)
            with closing(HTTPResponse(connection)) as answer:
                answer.begin()
                assert answer.status == 408

    @pytest.mark.parametrize("path", PATHS)
    def test_without_a_database_it_is_503_and_asks_for_another_try(
        self, listener: Listener, path: str
    ) -> None:
        listener.log_in(ONE)
        with locked(listener.file):
            answer = listener.send(path, request())
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        assert listener.only_notice().detail.startswith("503 ")
        assert listener.vault.users() == [ADA]
        assert listener.send(path, request()).status_code == 200
        assert listener.vault.users() == []

    @pytest.mark.parametrize("lock_wait", [60.0])
    def test_a_database_that_takes_too_long_does_not_hold_up_the_listener(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.listening.person_callbacks.COMMIT_SECONDS", 0.1)
        with locked(listener.file):
            answer = listener.send(DELETION_PATH, request())
        assert answer.status_code == 503
        assert "took too long" in answer.json()["message"]

    def test_the_status_page_of_a_closed_database_is_503(self, listener: Listener) -> None:
        listener.database.close()
        listener.file.unlink()
        listener.file.mkdir()
        page = listener.client.get(f"{listener.url}{DELETION_PATH}/{'0' * 32}")
        assert page.status_code == 503
        assert page.headers["Cache-Control"] == "no-store"
        assert "Retry-After" in page.headers

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", DEAUTHORIZE_PATH), ("GET", DELETION_PATH), ("POST", f"{DELETION_PATH}/0")],
    )
    def test_other_methods_are_not_there(self, listener: Listener, method: str, path: str) -> None:
        answer = listener.client.request(method, f"{listener.url}{path}")
        assert answer.status_code == 405
