"""The body of a request, read on a real socket: whole, too long, too slow, cut off."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fbsync.listening.request_body import Refusal, read_body
from tests.edge_server import behind_the_edge
from tests.servers import wait_until

MAX_BYTES = 10


class Reader:
    """An endpoint that answers with the body's length, or with the refusal's status."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.url = ""

    async def __call__(self, request: Request) -> Response:
        try:
            body = await read_body(request, MAX_BYTES)
        except Refusal as refusal:
            self.refusals.append(refusal)
            return PlainTextResponse(refusal.detail, refusal.status)
        return PlainTextResponse(str(len(body)))

    @contextmanager
    def half_sent(self) -> Iterator[socket.socket]:
        url = httpx.URL(self.url)
        with socket.create_connection((url.host, url.port or 0), timeout=60) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
            yield connection


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()

    async def endpoint(request: Request) -> Response:
        return await made(request)

    with behind_the_edge(Starlette(routes=[Route("/", endpoint, methods=["POST"])])) as server:
        made.url = server.url
        yield made


@pytest.mark.parametrize("length", [0, 1, MAX_BYTES])
def test_a_body_up_to_the_limit_is_read(reader: Reader, length: int) -> None:
    answer = httpx.post(reader.url, content=b"x" * length, trust_env=False)
    assert (answer.status_code, answer.text) == (200, str(length))


def test_a_longer_one_is_refused_with_and_without_a_length_in_front(reader: Reader) -> None:
    for content in (b"x" * (MAX_BYTES + 1), iter([b"x" * MAX_BYTES, b"x"])):
        answer = httpx.post(reader.url, content=content, trust_env=False)
        assert answer.status_code == 413
        assert str(MAX_BYTES) in answer.text


def test_one_that_does_not_come_to_its_end_in_time_is_refused(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.listening.http_edge.RECEIVE_SECONDS", 0.1)
    with reader.half_sent() as connection:
        answer = HTTPResponse(connection)
        answer.begin()
        assert answer.status == 408
        answer.close()


def test_a_sender_who_leaves_early_is_noticed(reader: Reader) -> None:
    with reader.half_sent():
        pass
    wait_until(lambda: bool(reader.refusals), "the refusal")
    assert reader.refusals[0].status == 400
