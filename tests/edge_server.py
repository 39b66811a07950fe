"""Our server with its edge, on loopback, in a thread."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse

from starlette.applications import Starlette

from fbsync.listener import Server
from fbsync.listening.connections import MAX_CONNECTIONS, Connections
from fbsync.notice import Notice
from fbsync.shutdown import Shutdown
from tests.servers import READY_SECONDS


class _PromptServer(Server):
    """One that notices its end at once."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.005)


@dataclass(frozen=True)
class Edge:
    """A running server, and what its edge counted and told."""

    port: int
    connections: Connections
    notices: list[Notice]
    shutdown: Shutdown
    thread: threading.Thread = field(repr=False)

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A client that has sent this."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        client.sendall(sent)
        return client

    def ended(self) -> dict[str, int]:
        """The endings that were counted, without those that never happened."""
        return {kind: count for kind, count in self.connections.counts().items() if count}


@contextmanager
def behind_the_edge(
    app: Starlette,
    limit: int = MAX_CONNECTIONS,
    report: Callable[[Notice], None] = lambda _: None,
    idle_seconds: int | None = None,
) -> Iterator[Edge]:
    """The application on our server until the end of the block; see uvicorn for `idle_seconds`."""
    notices: list[Notice] = []

    def note(notice: Notice) -> None:
        notices.append(notice)
        report(notice)

    connections, shutdown, started = Connections(limit, note), Shutdown(), threading.Event()
    server = _PromptServer(app, connections, note, started.set, shutdown)
    if idle_seconds is not None:
        server.config.timeout_keep_alive = idle_seconds
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        edge = Edge(listening.getsockname()[1], connections, notices, shutdown, thread)
        thread.start()
        try:
            assert started.wait(READY_SECONDS), "the server did not start"
            yield edge
        finally:
            shutdown.begin()
            thread.join()


def status(client: socket.socket) -> int:
    """The status of the next answer, whose body is read too."""
    answer = HTTPResponse(client)
    answer.begin()
    answer.read()
    return answer.status


def read_to_its_end(client: socket.socket) -> bytes:
    """All that still comes until the server closes; a reset is no end, and an error."""
    return b"".join(iter(lambda: client.recv(65536), b""))
