"""How the parts behind a mounted application start and end, in this process."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from fbsync import fbsync_app
from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.errors import FbsyncError, SettingsError
from fbsync.hallway.refresh import Outcome, Refresher
from fbsync.logs.program import NAME
from fbsync.mounted import MountedApp
from fbsync.webhook import sign
from tests.servers import serving, wait_until
from tests.test_listening_application import event
from tests.test_person_callbacks import request

SECRET = "0123456789abcdef" * 2
BODY = event("1")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "FACEBOOK_APP_ID": "123456789012345",
        "FACEBOOK_APP_SECRET": SECRET,
        "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
        "FACEBOOK_GRAPH_URL": "http://127.0.0.1:9",
        "FBSYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'there' / 'fbsync.sqlite3'}",
        "FBSYNC_STORE_DIR": str(tmp_path / "store"),
    }


@pytest.fixture
def app(environ: dict[str, str], tmp_path: Path) -> Iterator[MountedApp]:
    """Without a worker; ended after the test."""
    (tmp_path / "there").mkdir()
    made = fbsync_app(environ, worker=False)
    yield made
    made._parts.end()


@pytest.fixture
def client(app: MountedApp) -> Iterator[httpx.Client]:
    """Of a program that mounts it at an address of its own choice, without its lifespan."""
    with (
        serving(Starlette(routes=[Mount("/hooks/meta", app)])) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=30) as client,
    ):
        yield client


def post(client: httpx.Client, body: bytes = BODY) -> httpx.Response:
    return client.post("/hooks/meta/webhook", content=body, headers=sign(body, SECRET))


def threads() -> list[str]:
    return [one.name for one in threading.enumerate()]


def ours() -> list[str]:
    return [name for name in threads() if name == "fbsync-group-commit"]


def test_all_faults_of_the_settings_are_raised_when_it_is_made() -> None:
    with pytest.raises(SettingsError, match=r"FACEBOOK_APP_ID(.|\n)*FACEBOOK_VERIFY_TOKEN"):
        fbsync_app({})


def test_without_a_mapping_the_settings_are_those_of_the_environment_and_of_env(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text(f"FACEBOOK_APP_SECRET={environ.pop('FACEBOOK_APP_SECRET')}\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    fbsync_app()


def test_a_200_means_recorded_and_without_a_worker_it_waits(
    client: httpx.Client, environ: dict[str, str]
) -> None:
    assert post(client).status_code == 200
    with closing(Database(environ["FBSYNC_DATABASE_URL"])) as database:
        assert DatabaseInbox(database).status().waiting == 1


def test_a_body_beyond_the_limit_is_refused(client: httpx.Client) -> None:
    assert post(client, b"x" * (4 * 1024 * 1024 + 1)).status_code == 413


def test_a_body_that_is_late_is_refused(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.mounted.RECEIVE_SECONDS", 0.05)
    head = b"POST /hooks/meta/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=30) as late:
        late.sendall(head)
        assert late.recv(100).startswith(b"HTTP/1.1 408 ")


def test_the_deletions_page_is_below_the_mount(client: httpx.Client) -> None:
    answer = client.post("/hooks/meta/deletion", data={"signed_request": request()}).json()
    assert answer["url"].startswith(f"{str(client.base_url).rstrip('/')}/hooks/meta/deletion/")
    assert client.get(answer["url"]).status_code == 200


def test_first_requests_at_once_start_it_once(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: post(client, event(number)), range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len(ours()) == 1


def test_while_it_cannot_start_the_answer_is_503_and_the_log_has_the_reason(
    client: httpx.Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "there" / "fbsync.sqlite3").mkdir()  # a folder is no database
    answer = post(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert [one.name for one in caplog.records if one.levelno == logging.ERROR] == [NAME]
    (tmp_path / "there" / "fbsync.sqlite3").rmdir()
    wait_until(lambda: post(client).status_code == 200, "the next start")


def test_the_lifespan_starts_and_ends_it(app: MountedApp) -> None:
    routes = [Mount("/hooks/meta", app)]
    for _ in range(2):  # a second time, as tests of a program do
        with (
            serving(Starlette(routes=routes, lifespan=app.lifespan)) as url,
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            assert len(ours()) == 1
            assert post(client).status_code == 200
        assert ours() == []


def test_a_start_that_fails_keeps_a_program_with_the_lifespan_from_starting(
    app: MountedApp, tmp_path: Path
) -> None:
    (tmp_path / "there" / "fbsync.sqlite3").mkdir()

    async def start() -> None:
        async with app.lifespan(None):
            pass

    with pytest.raises(FbsyncError):
        asyncio.run(start())


def test_two_event_loops_share_it(app: MountedApp) -> None:
    program = Starlette(routes=[Mount("/hooks/meta", app)])
    with serving(program) as one, serving(program) as two:
        for url in (one, two, one):
            with httpx.Client(base_url=url, trust_env=False) as client:
                assert post(client).status_code == 200
    assert len(ours()) == 1


def test_a_worker_that_an_unforeseen_error_ended_is_replaced_at_the_next_request(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "there").mkdir()
    failed = threading.Event()

    def fail(self: Refresher) -> list[Outcome]:
        failed.set()
        raise RuntimeError("nobody foresaw this")

    app = fbsync_app(environ)
    with (
        serving(Starlette(routes=[Mount("/hooks/meta", app)], lifespan=app.lifespan)) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        with monkeypatch.context() as broken:
            broken.setattr(Refresher, "refresh", fail)
            assert post(client).status_code == 200
            assert failed.wait(20)
            wait_until(lambda: "fbsync-worker" not in threads(), "the worker's end")
        assert post(client, event("2")).status_code == 200
        assert "fbsync-worker" in threads()
    assert [r.getMessage() for r in caplog.records if "RuntimeError" in r.getMessage()]
