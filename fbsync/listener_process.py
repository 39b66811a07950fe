"""The process of `fbsync listen`: the application on uvicorn, until the shutdown."""

import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from fbsync.database.handshakes import Handshake
from fbsync.errors import FbsyncError
from fbsync.group_commit import GroupCommit
from fbsync.handshake_log import HandshakeLog
from fbsync.listener import WEBHOOK_PATH, Callback, Notice, build_app, relay_route
from fbsync.login.loopback import RELAY_HEADER
from fbsync.shutdown import Shutdown
from fbsync.unforeseen import UnforeseenErrors
from fbsync.webhook import Delivery

_SHUTDOWN_SECONDS = 5


def serve(
    listening: socket.socket,
    group_commit: GroupCommit,
    shutdown: Shutdown,
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

    `report` is told of each request, `started` that the listener is up, and `recorded` that there
    are new marks. `further` routes are served beside the webhook's and the login's.
    """

    async def record(delivery: Delivery) -> None:
        await group_commit.record(delivery)
        recorded()

    handshakes = HandshakeLog(record_handshakes)
    callback = Callback(app_secret, verify_token, record, report, handshakes.note)
    relay = relay_route(urlsplit(redirect_uri).path, RELAY_HEADER)
    app = build_app(callback, relay, *further)
    app.add_middleware(UnforeseenErrors, report=report)
    server = Server(app, started, shutdown)
    with listening, handshakes:
        server.run([listening])


class Server(uvicorn.Server):
    """uvicorn that tells when it is up, and that ends gracefully when the shutdown begins."""

    def __init__(self, app: Starlette, started: Callable[[], None], shutdown: Shutdown) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,  # we report requests ourselves
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        super().__init__(config)
        self._started = started
        self._shutdown = shutdown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; then call `started`."""
        await super().startup(sockets)
        self._started()

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
        return socket.create_server(address, family=family, backlog=2048)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be a host's
        reason = error.strerror if isinstance(error, OSError) else "this is no host name"
        raise FbsyncError(
            f"fbsync cannot listen on {host} port {port}: {reason}.\n"
            "Stop what holds the port, or choose others with --host and --port."
        ) from None


def address_of(listening: socket.socket) -> str:
    """The webhook's address on this machine."""
    host, port = listening.getsockname()[:2]
    return (
        f"http://[{host}]:{port}{WEBHOOK_PATH}"
        if ":" in host
        else f"http://{host}:{port}{WEBHOOK_PATH}"
    )
