"""The operator's server beside `listen` and `worker`: health, readiness and metrics.

    GET /healthz   200 as long as the process runs; touches nothing
    GET /readyz    200 where it can do its work now, else 503 with the reason
    GET /metrics   counters and gauges in Prometheus's text format

It has a thread and an event loop of its own, so it answers whatever hangs elsewhere.
"""

import socket
import threading
from collections.abc import Callable

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fbsync.readiness import Readiness

MAX_CONNECTIONS = 100
KEEP_ALIVE_SECONDS = 5
_STOP_SECONDS = 1


class OperationsServer:
    """Serves on `listening`, which it closes, from the start of the block to its end."""

    def __init__(
        self, listening: socket.socket, readiness: Readiness, metrics: Callable[[], bytes]
    ) -> None:
        self._listening = listening
        config = uvicorn.Config(
            build_app(readiness, metrics),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        # Whoever looks at the metrics must not keep the process alive.
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="fbsync-operations", daemon=True
        )

    def __enter__(self) -> "OperationsServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(2 * _STOP_SECONDS)
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
