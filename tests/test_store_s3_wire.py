"""What talks to a bucket: one for all threads."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fbsync.ports import etag_of
from fbsync.store import s3_wire
from fbsync.store.s3_client import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS, make_client
from fbsync.store.s3_endpoint import S3Endpoint
from tests.buckets import spaces
from tests.hallway import DEADLINE
from tests.refusing_server import Answer, refusing_server
from tests.servers import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 8
STORED = Answer(200, headers={"ETag": f'"{etag_of(b"{}")}"'})


def test_threads_that_come_first_together_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[S3Endpoint] = []
    at_once, second = threading.Barrier(THREADS), threading.Event()

    def make_slowly(endpoint: S3Endpoint) -> "S3Client":
        made.append(endpoint)
        if len(made) > 1:
            second.set()
        second.wait(0.2)  # so long as others could begin to make one too
        return make_client(endpoint)

    monkeypatch.setattr(s3_wire, "make_client", make_slowly)
    with refusing_server({"PUT": STORED}) as server, ThreadPoolExecutor(THREADS) as pool:
        store = spaces(S3Server(server.endpoint, "key", "secret"))

        def put(number: int) -> bool:
            at_once.wait(DEADLINE)
            return store.put(f"{number}/page_data.json", b"{}")

        assert list(pool.map(put, range(THREADS))) == [False] * THREADS
    assert len(made) == 1


def test_more_threads_than_connections_wait_and_warn_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    at_once = threading.Barrier(THREADS)
    answers = {
        "GET": Answer(200, headers={"ETag": '"1"'}, after_seconds=0.05),
        "HEAD": Answer(200, headers={"ETag": '"1"'}, after_seconds=0.05),
        "PUT": Answer(200, headers=STORED.headers, after_seconds=0.05),
    }
    with refusing_server(answers) as server, ThreadPoolExecutor(THREADS) as pool:
        store = spaces(S3Server(server.endpoint, "key", "secret"), connections=2)
        acts: dict[str, Callable[[], object]] = {
            "get": lambda: store.get("1/page_data.json"),
            "head": lambda: store.head("1/page_data.json"),
            "list": lambda: list(store.list("")),
            "put": lambda: store.put("1/page_data.json", b"{}"),
        }

        def ask(name: str) -> None:
            at_once.wait(DEADLINE)
            acts[name]()

        for name in acts:
            list(pool.map(ask, [name] * THREADS))
            assert caplog.messages == [], name
    assert len(server.requests) == len(acts) * THREADS


def test_puts_that_the_quick_way_leaves_to_the_client_wait_for_their_turn_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = threading.Barrier(THREADS)
    slow = replace(STORED, after_seconds=0.05)
    with refusing_server({"PUT": slow}) as server, ThreadPoolExecutor(THREADS) as pool:
        store = spaces(S3Server(server.endpoint, "key", "secret"), connections=2)
        monkeypatch.setattr(store._wire.quick, "put", lambda key, body, is_new: False)

        def put(number: int) -> bool:
            at_once.wait(DEADLINE)
            return store.put(f"{number}/page_data.json", b"{}")

        assert list(pool.map(put, range(THREADS))) == [False] * THREADS
    assert caplog.messages == []


ENDPOINT = S3Endpoint("nyc3", "http://127.0.0.1:1", "key", "secret", connections=3)


def test_the_client_has_a_connection_for_each_turn_and_retries_by_the_standard() -> None:
    config = vars(s3_wire.S3Wire(ENDPOINT, "mirror").client.meta.config)
    assert config["max_pool_connections"] == ENDPOINT.connections
    assert config["retries"] == {"mode": "standard", "total_max_attempts": ATTEMPTS}
    assert (config["connect_timeout"], config["read_timeout"]) == (CONNECT_SECONDS, READ_SECONDS)


def test_the_quick_put_has_as_many_connections_and_as_much_time() -> None:
    session: Any = s3_wire.S3Wire(ENDPOINT, "mirror").quick._session
    assert session._max_pool_connections == ENDPOINT.connections
    timeout = session._timeout
    assert (timeout.connect_timeout, timeout.read_timeout) == (CONNECT_SECONDS, READ_SECONDS)
