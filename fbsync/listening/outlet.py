"""What goes out to the client of a connection, and how the connection is closed."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

LINGER_BYTES = 16 * 1024 * 1024
"""What is thrown away at most so that a client that still sends can read its answer; beyond it,
the client has to wait until the lingering ends."""


class Outlet(asyncio.Transport):
    """A connection's transport as uvicorn sees it: what closing it means, `close` decides."""

    def __init__(self, wire: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._wire = wire
        self._close = close
        self._loop = asyncio.get_running_loop()
        self._gathered: list[bytes | bytearray | memoryview] = []
        self._closed = False
        self._discarded = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, unless closed, together with what else is written by then.

        uvicorn writes an answer in parts; each would take a system call, and a packet, of its own.
        """
        if self._closed or not data:
            return
        if not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered.append(data)

    def close(self) -> None:
        """Once."""
        if not self._closed:
            self._closed = True
            self._close()

    def is_closing(self) -> bool:
        """Whether either side closed it."""
        return self._closed or self._wire.is_closing()

    def pause_reading(self) -> None:
        """See asyncio."""
        self._wire.pause_reading()

    def resume_reading(self) -> None:
        """See asyncio."""
        self._wire.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See asyncio."""
        return self._wire.get_extra_info(name, default)

    def answer(self, status: int, message: str) -> None:
        """An answer of ours, in the form that the application's have; the last on it."""
        body = json.dumps({"status": "error", "message": message}).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.write(head.encode() + body)

    def close_wire(self) -> None:
        """Close when all is sent."""
        self._flush()
        self._wire.close()

    def abort(self) -> None:
        """Close now."""
        self._gathered.clear()
        self._wire.abort()

    def linger(self) -> None:
        """Say that no more comes, and read on: closed with unread bytes in it, a connection is
        reset, and the client may lose the answer. Meant by RFC 9112, section 9.6."""
        self._closed = True
        self._flush()
        with suppress(OSError):  # the client is gone already
            self._wire.write_eof()
        self._wire.resume_reading()

    def discard(self, count: int) -> None:
        """So many bytes were read and thrown away."""
        self._discarded += count
        if self._discarded > LINGER_BYTES:
            self._wire.pause_reading()

    def _flush(self) -> None:
        if self._gathered:
            self._wire.write(b"".join(self._gathered))
            self._gathered.clear()
