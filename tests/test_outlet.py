"""The outlet on a real pair of sockets. Its use by the edge: test_http_edge."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from fbsync.listening.outlet import Outlet


class Wire(asyncio.Protocol):
    """The server's side of the pair, with an outlet on it."""

    def __init__(self) -> None:
        self.closed = 0
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.outlet = Outlet(transport, self.close)

    def close(self) -> None:
        self.closed += 1

    def data_received(self, data: bytes) -> None:
        self.outlet.discard(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def run(scene: Callable[[Wire, socket.socket], Awaitable[None]]) -> None:
    async def play() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            loop = asyncio.get_running_loop()
            _, wire = await loop.create_connection(Wire, sock=ours)
            theirs.settimeout(60)
            await scene(wire, theirs)
            wire.outlet.abort()
            await wire.lost

    asyncio.run(play())


def test_closing_is_told_once_and_nothing_is_written_afterwards() -> None:
    async def scene(wire: Wire, client: socket.socket) -> None:
        wire.outlet.write(b"before")
        assert not wire.outlet.is_closing()
        wire.outlet.close()
        wire.outlet.close()
        wire.outlet.write(b"after")
        assert wire.outlet.is_closing()
        assert wire.closed == 1
        wire.outlet.close_wire()
        assert await in_thread(client) == b"before"

    run(scene)


def test_an_answer_of_ours_is_whole() -> None:
    async def scene(wire: Wire, client: socket.socket) -> None:
        wire.outlet.answer(408, "Too late.")
        wire.outlet.close_wire()
        head, _, body = (await in_thread(client)).partition(b"\r\n\r\n")
        assert head.split(b"\r\n")[0] == b"HTTP/1.1 408 Request Timeout"
        assert b"Connection: close" in head
        assert b"Content-Length: %d" % len(body) in head
        assert body == b'{"status": "error", "message": "Too late."}'

    run(scene)


def test_while_it_lingers_the_client_reads_the_end_and_may_send_so_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fbsync.listening.outlet.LINGER_BYTES", 1_000_000)

    async def scene(wire: Wire, client: socket.socket) -> None:
        wire.outlet.write(b"answer")
        wire.outlet.linger()
        assert await in_thread(client) == b"answer"
        client.setblocking(False)
        sent, blocked = 0, 0
        while blocked < 20:  # until the two systems' buffers are full
            try:
                sent += client.send(b"x" * 65536)
                blocked = 0
            except BlockingIOError:
                blocked += 1
            await asyncio.sleep(0.001)
        assert 1_000_000 < sent < 10_000_000
        assert not wire.lost.done()

    run(scene)


def test_lingering_with_a_client_that_is_gone_is_no_error() -> None:
    async def scene(wire: Wire, client: socket.socket) -> None:
        client.close()
        wire.outlet.linger()
        await wire.lost

    run(scene)


async def in_thread(client: socket.socket) -> bytes:
    """All that the client reads until the end."""

    def read() -> bytes:
        return b"".join(iter(lambda: client.recv(4096), b""))

    return await asyncio.to_thread(read)
