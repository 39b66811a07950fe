"""The process of `fbsync listen`: the application on uvicorn, until the shutdown."""

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from fbsync.database.handshakes import Handshake
from fbsync.errors import FbsyncError
from fbsync.listening.application import (
    WEBHOOK_PATH,
    DirectPath,
    relay_route,
)
from fbsync.listening.connections import Connections
from fbsync.listening.group_commit import GroupCommit
from fbsync.listening.http_edge import MAX_HEADER_BYTES, HttpEdge
from fbsync.listening.intake import intake
from fbsync.listening.server_errors import ServerErrors
from fbsync.login.loopback import RELAY_HEADER
from fbsync.notice import Notice
from fbsync.shutdown import Shutdown

_SHUTDOWN_SECONDS = 5
_BACKLOG = 2048
_ACCEPTED_AT_ONCE = 16
"""asyncio accepts so many before it serves any of them, and each takes a file descriptor."""


def serve(
    listening: socket.socket,
    group_commit: GroupCommit,
    shutdown: Shutdown,
    connections: Connections,
    *,
    app_secret: str,
    verify_token: str,
    redirect_uri: str,
    report: Callable[[Notice], None],
    started: Callable[[], None],
    record_handshakes: Callable[[Collection[Handshake]], None],
    recorded: Callable[[], None] = lambda: None,
    further: Sequence[Route] = (),
) -> None:
    """Listen until the shutdown; all that works beside it must be entered already.

    `connections` are counted and limited. `report` is told of each request, `started` that the
    listener is up, and `recorded` that there are new marks. `further` routes are
    served beside the webhook's and the login's.
    """
    relay = relay_route(urlsplit(redirect_uri).path, RELAY_HEADER)
    taking_in = intake(
        group_commit,
        app_secret=app_secret,
        verify_token=verify_token,
        report=report,
        record_handshakes=record_handshakes,
        recorded=recorded,
        further=[relay, *further],
    )
    with listening, taking_in as app:
        deliveries = app.state.deliveries
        Server(app, connections, report, started, shutdown, deliveries).run([listening])


class Server(uvicorn.Server):
    """uvicorn behind the edge: tells when it is up, and ends when the shutdown begins."""

    def __init__(
        self,
        app: Starlette,
        connections: Connections,
        report: Callable[[Notice], None],
        started: Callable[[], None],
        shutdown: Shutdown,
        deliveries: ASGIApp | None = None,  # the application's endpoint for them
    ) -> None:
        self._errors = ServerErrors(report, connections.make_room)
        edge = partial(HttpEdge, connections, self._errors.logger())
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=cast(type[asyncio.Protocol], edge),
            ws="none",
            log_config=None,  # we report requests ourselves
            access_log=False,
            server_header=False,
            lifespan="off",
            backlog=_ACCEPTED_AT_ONCE,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        config.load()
        if deliveries is not None:
            config.loaded_app = DirectPath(deliveries, config.loaded_app)
        super().__init__(config)
        self._connections = connections
        self._started = started
        self._shutdown = shutdown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; then call `started`."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._errors.handle_loop)
        await super().startup(sockets)
        for listening in sockets or []:
            listening.listen(_BACKLOG)  # in the kernel many may wait
        self._connections.watch(loop)
        self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; afterwards nothing is open."""
        self._connections.closing = True
        await super().shutdown(sockets)
        self._connections.cut_all()
        await asyncio.sleep(0)  # asyncio closes the sockets

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn: whether to end."""
        return await super().on_tick(counter) or self._shutdown.has_begun

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """No signal is uvicorn's business: see shutdown.py."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises FbsyncError where it cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listening = socket.create_server(address, family=family, backlog=_BACKLOG)
        # Each connection inherits it. asyncio sets it only on sockets that name their protocol;
        # without it, an answer in two parts waits 40 ms for the sender's delayed acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be a host's
        reason = _reason(error)
        raise FbsyncError(
            f"fbsync cannot listen on {host} port {port}: {reason}.\n"
            "Stop what holds the port, or choose others with --host and --port."
        ) from None
    return listening


def _reason(error: OSError | UnicodeError) -> str:
    """In the system's words alone: Python puts some of its own into those of a bind."""
    if isinstance(error, UnicodeError):
        return "this is no host name"
    if isinstance(error, socket.gaierror) or not error.errno:
        return str(error.strerror or error)
    return os.strerror(error.errno)


def address_of(listening: socket.socket) -> str:
    """The webhook's address on this machine."""
    host, port = listening.getsockname()[:2]
    return (
        f"http://[{host}]:{port}{WEBHOOK_PATH}"
        if ":" in host
        else f"http://{host}:{port}{WEBHOOK_PATH}"
    )
