"""Health and readiness of real listeners and workers."""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from fbsync.database.engine import Database
from fbsync.operations.address import DEFAULT_HOST, DEFAULT_PORT
from tests.fbsync_process import listener, log_text, run_process, worker
from tests.ports import free_port
from tests.servers import wait_until

SETTINGS = {
    "FACEBOOK_APP_ID": "123456789012345",
    "FACEBOOK_APP_SECRET": "0123456789abcdef",
    "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return SETTINGS | {"FBSYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'f.sqlite3'}"}


@pytest.fixture(params=["listen", "worker"])
def operations(request: pytest.FixtureRequest, environ: dict[str, str]) -> Iterator[int]:
    """The port of a running command's health and metrics."""
    port = free_port()
    option = ("--metrics", f"127.0.0.1:{port}")
    if request.param == "listen":
        with listener(free_port(), ("fbsync",), *option, **environ):
            yield port
    else:
        Database(environ["FBSYNC_DATABASE_URL"]).close()
        with worker(("fbsync",), *option, **environ):
            yield port


@contextmanager
def default_port_taken() -> Iterator[None]:
    """By us, as soon as a listener of another test has left it."""

    def take() -> bool:
        with suppress(OSError):
            stack.enter_context(socket.create_server((DEFAULT_HOST, DEFAULT_PORT)))
            return True
        return False

    with ExitStack() as stack:
        wait_until(take, "the default port", 300)
        yield


def get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=30)


def test_a_locked_database_makes_it_not_ready_but_healthy_until_it_is_free_again(
    operations: int, tmp_path: Path
) -> None:
    assert get(operations, "/readyz").status_code == 200
    with closing(sqlite3.connect(tmp_path / "f.sqlite3", isolation_level=None)) as other:
        other.execute("begin immediate")
        wait_until(lambda: get(operations, "/readyz").status_code == 503, "the refusal")
        assert "locked" in get(operations, "/readyz").text
        assert get(operations, "/healthz").status_code == 200
        assert get(operations, "/metrics").status_code == 200
        other.execute("rollback")
    wait_until(lambda: get(operations, "/readyz").status_code == 200, "the recovery")


def test_off_serves_nothing(environ: dict[str, str]) -> None:
    with listener(free_port(), ("fbsync",), "--metrics", "off", **environ):
        assert "metrics" not in log_text()


def test_an_address_that_was_wished_for_and_is_taken_is_an_error(
    operations: int, environ: dict[str, str]
) -> None:
    ended = run_process("listen", "--port", "0", "--metrics", f"127.0.0.1:{operations}", **environ)
    assert ended.status == 1
    assert f"port {operations}" in ended.err
    assert "--metrics off" in ended.err


def test_a_default_address_that_is_taken_is_told_and_the_command_goes_on(
    environ: dict[str, str],
) -> None:
    with default_port_taken(), listener(free_port(), **environ):
        told = [line for line in log_text().splitlines() if "etrics" in line]
    assert "Health and metrics are not served: " in told[-1]
    assert "9464" in told[-1]


def test_what_is_no_address_is_wrong_usage(environ: dict[str, str]) -> None:
    ended = run_process("worker", "--metrics", "nowhere", **environ)
    assert ended.status == 2
    assert "HOST:PORT" in ended.err
