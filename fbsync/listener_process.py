"""The process of `fbsync listen`: the application on uvicorn, beside group commit and worker."""

import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from fbsync.database.durability import Durability
from fbsync.database.handshakes import Handshake
from fbsync.errors import FbsyncError
from fbsync.group_commit import GroupCommit
from fbsync.handshake_log import HandshakeLog
from fbsync.listener import WEBHOOK_PATH, Callback, Notice, build_app, relay_route
from fbsync.login.loopback import RELAY_HEADER
from fbsync.ports import Inbox
from fbsync.refresh import Outcome, Refresher
from fbsync.webhook import Delivery
from fbsync.worker import Worker

_SHUTDOWN_SECONDS = 5


@dataclass(frozen=True)
class Reporting:
    """Whom to tell: of each request, of each page's outcome, and that the listener is up."""

    request: Callable[[Notice], None]
    outcome: Callable[[Outcome | FbsyncError], None]
    started: Callable[["Server"], None]


def serve(
    listening: socket.socket,
    inbox: Inbox,
    refresher: Refresher,
    durability: Durability,
    *,
    app_secret: str,
    verify_token: str,
    redirect_uri: str,
    reporting: Reporting,
    record_handshakes: Callable[[Collection[Handshake]], None],
    further: Sequence[Route] = (),
) -> None:
    """Listen and mirror until SIGINT or SIGTERM, or until the started server's `stop`.

    `further` routes are served beside the webhook's and the login's.
    What was recorded by then and not yet mirrored waits in the database.
    """
    group_commit = GroupCommit(inbox, durability)

    async def record(delivery: Delivery) -> None:
        await group_commit.record(delivery)
        worker.wake()

    handshakes = HandshakeLog(record_handshakes)
    callback = Callback(app_secret, verify_token, record, reporting.request, handshakes.note)
    relay = relay_route(urlsplit(redirect_uri).path, RELAY_HEADER)
    server = Server(build_app(callback, relay, *further), reporting.started)
    worker = Worker(refresher, reporting.outcome, crashed=server.stop)
    with listening, worker, group_commit, handshakes:
        server.run([listening])


class Server(uvicorn.Server):
    """uvicorn that tells when it is up, and whose graceful stop by a signal ends with status 0."""

    def __init__(self, app: Starlette, started: Callable[["Server"], None]) -> None:
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

    def stop(self) -> None:
        """End gracefully, from any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; then call `started`."""
        await super().startup(sockets)
        self._started(self)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal once more at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


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
