"""The receivers that the listener is measured beside, each a process on uvicorn like ours.

`python -m bench.receivers NAME` prints its port once it listens. FACEBOOK_APP_SECRET is the secret.
"""

import asyncio
import hashlib
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fbsync import webhook
from fbsync.errors import BadSignature

PATH = "/webhook"
_ANSWER = {"status": "success"}


class OneRowACommit:
    """SQLite with the listener's pragmas; every body is a transaction of its own."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma synchronous=extra")
        self._connection.execute("pragma secure_delete=on")
        self._connection.execute("create table kept (digest text primary key, body blob)")

    def keep(self, body: bytes) -> None:
        """Committed and fsynced on return."""
        row = (hashlib.sha256(body).hexdigest(), body)
        with self._lock:
            self._connection.execute("begin immediate")
            self._connection.execute("insert or ignore into kept values (?, ?)", row)
            self._connection.execute("commit")


def bare(_secret: str, _folder: Path) -> Starlette:
    """Reads the body and answers."""

    async def receive(request: Request) -> Response:
        await request.body()
        return JSONResponse(_ANSWER)

    return _app(receive)


def verified(secret: str, _folder: Path) -> Starlette:
    """Reads the body, verifies its signature and answers."""

    async def receive(request: Request) -> Response:
        return JSONResponse(_ANSWER) if await _verified(request, secret) else _refusal()

    return _app(receive)


def unsafe(secret: str, folder: Path) -> Starlette:
    """Verifies and answers; keeps the body afterwards, which a crash in between forgets."""
    rows = OneRowACommit(folder / "unsafe.sqlite3")

    async def receive(request: Request) -> Response:
        body = await _verified(request, secret)
        if body is None:
            return _refusal()
        return JSONResponse(_ANSWER, background=BackgroundTask(rows.keep, body))

    return _app(receive)


def commit_each(secret: str, folder: Path) -> Starlette:
    """Verifies, commits this one body, and answers."""
    rows = OneRowACommit(folder / "each.sqlite3")

    async def receive(request: Request) -> Response:
        body = await _verified(request, secret)
        if body is None:
            return _refusal()
        await run_in_threadpool(rows.keep, body)
        return JSONResponse(_ANSWER)

    return _app(receive)


RECEIVERS: dict[str, Callable[[str, Path], Starlette]] = {
    "bare": bare,
    "verified": verified,
    "unsafe": unsafe,
    "commit each": commit_each,
}
CEILING = "no server"
"""A socket that answers whatever comes: what the client itself can do."""


def main(name: str) -> None:
    """Serve until killed."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as our listener does
        print(listening.getsockname()[1], flush=True)
        if name == CEILING:
            asyncio.run(_answer_all(listening))
            return
        app = RECEIVERS[name](os.environ["FACEBOOK_APP_SECRET"], Path.cwd())
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, lifespan="off"
        )
        uvicorn.Server(config).run([listening])


async def _verified(request: Request, secret: str) -> bytes | None:
    body = await request.body()
    try:
        return webhook.verify(body, request.headers, secret)
    except BadSignature:
        return None


def _refusal() -> Response:
    return JSONResponse({"status": "error"}, 401)


def _app(receive: Callable[[Request], object]) -> Starlette:
    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + b"." * 20)


async def _answer_all(listening: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(_Echo, sock=listening)
    await server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
