"""The operator's server beside `listen` and `worker`: health, readiness and metrics.

    GET /healthz   200 as long as the process runs; touches nothing
    GET /readyz    200 where it can do its work now, else 503 with the reason
    GET /metrics   counters and gauges in Prometheus's text format

It has a thread and an event loop of its own, so it answers whatever hangs elsewhere.
"""

import socket
import threading
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fbsync.listener import Server
from fbsync.listening.connections import Connections
from fbsync.notice import Notice
from fbsync.operations.readiness import Readiness
from fbsync.shutdown import Shutdown

MAX_CONNECTIONS = 64
_STOP_SECONDS = 1.0


class OperationsServer:
    """Serves on `listening`, which it closes, from the start of the block to its end.

    It is behind the same edge as the listener, so no client can hold it up. `report` is told of
    hostile connections and of our own faults.
    """

    def __init__(
        self,
        listening: socket.socket,
        readiness: Readiness,
        metrics: Callable[[], bytes],
        report: Callable[[Notice], None],
    ) -> None:
        self._listening = listening
        self._ending = Shutdown()  # later than the process's own, which /readyz tells of
        connections = Connections(MAX_CONNECTIONS, report)
        app = build_app(readiness, metrics)
        server = Server(app, connections, report, lambda: None, self._ending)
        # Whoever looks at the metrics must not keep the process alive.
        self._thread = threading.Thread(
            target=server.run, args=([listening],), name="fbsync-operations", daemon=True
        )

    def __enter__(self) -> "OperationsServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.begin()
        self._thread.join(_STOP_SECONDS)
        self._listening.close()


def build_app(readiness: Readiness, metrics: Callable[[], bytes]) -> Starlette:
    """The three addresses."""

    async def health(_: Request) -> Response:
        return _plain("The process runs.\n", 200)

    async def ready(_: Request) -> Response:
        reason = await readiness.why_not()
        return _plain(f"{reason}\n", 503) if reason else _plain("Ready.\n", 200)

    async def show_metrics(_: Request) -> Response:
        return Response(metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST, **_HEADERS})

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", show_metrics),
        ]
    )


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _plain(text: str, status: int) -> Response:
    return PlainTextResponse(text, status, headers=_HEADERS)
