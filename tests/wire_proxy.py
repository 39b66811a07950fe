"""A TCP proxy between a client and a server of a test, with faults that are switched on and off.

refuse   no connection is accepted, and those that are open are reset
reset    a request is cut off with a reset after its first bytes
stall    nothing passes any more, and nobody is told
cut      a request's body ends in the middle, without a reset
mute     the server gets the whole request and acts; its answer is lost, and the client reset
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Literal

Fault = Literal["refuse", "reset", "stall", "cut", "mute"]

FIRST_BYTES = 700
"""Of a faulty request: about its headers, so that a body of some length is cut in its middle."""


class WireProxy:
    """Between whoever connects to `port` and the server. Any thread may break it."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self.port = 0
        self.connections = 0
        """How many were made so far."""
        self.broken = 0
        """How many connections or parts of them a fault has met so far."""
        self.bytes_sent = 0
        """From clients to the server so far."""
        self._fault: Fault | None = None
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()

    @property
    def fault(self) -> Fault | None:
        """What is wrong now."""
        return self._fault

    def break_by(self, fault: Fault | None) -> None:
        """From now on; None: all is well again, and what stalled goes on."""
        asyncio.run_coroutine_threadsafe(self._break_by(fault), self._loop).result(30)

    async def _break_by(self, fault: Fault | None) -> None:
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault == "refuse":
            assert self._server is not None
            self._server.close()
            for writer in list(self._open):
                self.broken += 1
                _reset(writer)
        elif self._server is None or not self._server.is_serving():
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._open |= {writer, back}
        try:
            await asyncio.gather(self._up(reader, writer, back), self._down(there, writer))
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the test ends: so is the other, below
        finally:
            self._open -= {writer, back}
            for one in (writer, back):
                with suppress(OSError):
                    one.close()

    async def _up(
        self, client: asyncio.StreamReader, answers: asyncio.StreamWriter, up: asyncio.StreamWriter
    ) -> None:
        while data := await client.read(65536):
            await self._while_stalled()
            if self._fault in ("reset", "cut"):
                self.broken += 1
                up.write(data[:FIRST_BYTES])
                await up.drain()
                if self._fault == "reset":
                    _reset(answers)
                _end(up)
                raise ConnectionError(self._fault)
            self.bytes_sent += len(data)
            up.write(data)
            await up.drain()
        _end(up)

    async def _down(self, server: asyncio.StreamReader, down: asyncio.StreamWriter) -> None:
        while data := await server.read(65536):
            await self._while_stalled()
            if self._fault == "mute":
                self.broken += 1
                _reset(down)
                raise ConnectionError(self._fault)
            down.write(data)
            await down.drain()
        _end(down)

    async def _while_stalled(self) -> None:
        while self._fault == "stall":
            self.broken += 1
            await self._changed.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


@contextmanager
def wire_proxy(server_port: int) -> Iterator[WireProxy]:
    """A proxy in a thread of its own, until the end of the block."""
    proxy = WireProxy(server_port)
    thread = threading.Thread(target=proxy._run)
    thread.start()
    try:
        proxy.break_by(None)
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_end_all(proxy), proxy._loop).result(30)
        proxy._loop.call_soon_threadsafe(proxy._loop.stop)
        thread.join()
        with closing(proxy._loop):
            pass


async def _end_all(proxy: WireProxy) -> None:
    if proxy._server is not None:
        proxy._server.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset, as a crashed machine's successor would (SO_LINGER with no time)."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _end(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()
