"""The app's level, and what is told of a handshake that fails, with a real listener."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import respx

from fbsync.database.added_fields import APP as APP_LEVEL
from fbsync.database.added_fields import AddedFields
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.handshakes import Handshakes
from fbsync.graph.call import GraphConnection
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.subscribe.app_level import AppLevel
from fbsync.subscription_plan import Level, Wish
from tests.callback import callback_server
from tests.certificates import certificate
from tests.graph_wire import APP, URL, Meta, error, item
from tests.instant import NO_PATIENCE
from tests.ports import free_port
from tests.servers import Sandbox
from tests.test_listening_application import TOKEN, Listener, running_listener
from tests.test_subscriber import connect


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as opened:
        yield opened


@pytest.fixture
def listener(database: Database, tmp_path: Path) -> Iterator[Listener]:
    with running_listener(database, tmp_path / "f.sqlite3") as running:
        yield running


@pytest.fixture
def app_level(
    sandbox: Sandbox, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppLevel]:
    monkeypatch.setattr("fbsync.subscribe.app_level.LOOK_SECONDS", 0.0)
    with connect(sandbox) as connection:
        yield AppLevel(GraphSubscriptions(connection), AddedFields(database), Handshakes(database))


def subscribe(app_level: AppLevel, address: str, token: str = TOKEN) -> Level:
    wish = Wish(address, frozenset({"name"}))
    level, _ = app_level.apply(app_level.plan(wish), wish, token)
    assert token not in level.detail
    return level


class TestHandshake:
    def test_a_listener_that_is_reached_answers(
        self, app_level: AppLevel, listener: Listener
    ) -> None:
        assert subscribe(app_level, listener.url).action == "added"

    def test_another_verify_token_is_named_as_the_cause(
        self, app_level: AppLevel, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.subscribe.app_level.LOOK_SECONDS", 60.0)
        level = subscribe(app_level, listener.url, "another-token")
        said, seen, advice = level.detail.splitlines()
        assert "HTTP Status Code = 403; HTTP Message = Forbidden" in said
        assert "saw it and refused its token" in seen
        assert "FACEBOOK_VERIFY_TOKEN" in advice

    def test_an_answer_that_a_proxy_changes_is_told(
        self, app_level: AppLevel, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.subscribe.app_level.LOOK_SECONDS", 60.0)
        with proxy(listener.url) as address:
            level = subscribe(app_level, address)
        said, seen, advice = level.detail.splitlines()
        assert "(#2201) response does not match challenge" in said
        assert "something between it and Meta changed or delayed it" in seen
        assert "in quotes, as JSON" in advice

    def test_what_was_seen_before_does_not_count(
        self, app_level: AppLevel, listener: Listener, database: Database
    ) -> None:
        subscribe(app_level, listener.url)
        level = subscribe(app_level, f"http://127.0.0.1:{free_port()}/hook")
        assert "--replace-callback" in level.detail
        wish = Wish(f"http://127.0.0.1:{free_port()}/hook", frozenset({"name"}), False, True)
        level, _ = app_level.apply(app_level.plan(wish), wish, TOKEN)
        said, seen, advice = level.detail.splitlines()
        assert "curl_errno = 7" in said
        assert "The listener saw nothing" in seen
        assert "the connection was refused" in seen
        assert "fbsync listen" in advice

    @pytest.mark.parametrize(
        ("status", "body", "headers", "told"),
        [
            (200, '"{}"', {}, "in quotes"),
            (200, "<html>Tunnel</html>", {}, "a web page"),
            (302, "", {"Location": "https://shop.example/"}, "redirected (302 Found) to"),
            (404, "", {}, "404 Not Found"),
        ],
    )
    def test_whatever_answers_there_instead_is_described(
        self, app_level: AppLevel, status: int, body: str, headers: dict[str, str], told: str
    ) -> None:
        with callback_server() as other:
            other.challenge = lambda query: (
                status,
                body.replace("{}", query["hub.challenge"]).encode(),
                headers,
            )
            level = subscribe(app_level, other.url)
            assert len(other.handshakes) == 2  # Meta's, then ours
        _, seen, _ = level.detail.splitlines()
        assert "The listener saw nothing" in seen
        assert told in seen

    def test_a_self_signed_certificate_is_told(self, app_level: AppLevel) -> None:
        with callback_server(certificate().context) as other:
            level = subscribe(app_level, other.url)
        said, seen, advice = level.detail.splitlines()
        assert "curl_errno = 60" in said
        assert "it is self-signed" in seen
        assert "known authority" in advice


class TestWhatIsThereAfterwards:
    """Over a wire that answers as told."""

    WISH = Wish("https://ours.example/hook", frozenset({"name", "phone"}))

    @pytest.fixture
    def meta(self) -> Iterator[Meta]:
        with respx.mock(base_url=URL) as router:
            yield Meta(router)

    @pytest.fixture
    def app_level(self, database: Database) -> Iterator[AppLevel]:
        with GraphConnection(
            url=URL, version="v26.0", app_id=APP, app_secret="s", patience=NO_PATIENCE
        ) as opened:
            yield AppLevel(GraphSubscriptions(opened), AddedFields(database), Handshakes(database))

    def apply(self, app_level: AppLevel, wish: Wish = WISH) -> Level:
        return app_level.apply(app_level.plan(wish), wish, TOKEN)[0]

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"fields": ["name"]}, "did not make it: phone"),
            ({"active": False}, "did not make it: name, phone"),
            ({"callback_url": "https://other.example/"}, "did not make it: name, phone"),
        ],
    )
    def test_a_change_that_meta_took_and_did_not_make_is_a_failure(
        self, app_level: AppLevel, meta: Meta, change: dict[str, object], told: str
    ) -> None:
        meta.answer_posts(f"{APP}/subscriptions", {"success": True})
        meta.answer_reads([item({"data": []})], [item({"data": [self.found(**change)]})])
        level = self.apply(app_level)
        assert level.action == "failed"
        assert told in level.detail

    def test_a_lost_answer_counts_by_what_is_there(self, app_level: AppLevel, meta: Meta) -> None:
        meta.answer_posts(f"{APP}/subscriptions", error(2), status=500)
        meta.answer_reads([item({"data": []})], [item({"data": [self.found()]})])
        assert self.apply(app_level).action == "added"

    def test_what_cannot_be_read_again_is_a_failure(self, app_level: AppLevel, meta: Meta) -> None:
        meta.answer_posts(f"{APP}/subscriptions", {"success": True})
        meta.answer_reads([item({"data": []})], [item(error(2), 500)])
        assert "It failed" in self.apply(app_level).detail

    def test_fields_that_stay_in_spite_of_a_removal_are_a_failure_and_stay_ours(
        self, app_level: AppLevel, meta: Meta, database: Database
    ) -> None:
        AddedFields(database).note({APP_LEVEL: {"phone"}})
        before = [item({"data": [self.found()]})]
        meta.answer_reads(before, [item({"success": True})], before)
        level = self.apply(app_level, Wish(self.WISH.address, None, remove=True))
        assert (level.action, "phone" in level.detail) == ("failed", True)
        assert AddedFields(database).of_app() == {"phone"}

    def found(self, **change: object) -> dict[str, object]:
        return {
            "object": "page",
            "callback_url": self.WISH.address,
            "active": True,
            "fields": ["name", "phone"],
        } | change


@contextmanager
def proxy(target: str) -> Iterator[str]:
    """A proxy that makes JSON of every text on its way back."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = self.path.partition("?")[2]
            body = b'"%s"' % httpx.get(f"{target}?{query}", trust_env=False).content
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test looks at what came of it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
