"""The sandbox's process: the socket, the settings that it prints, and its end by a signal."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.applications import Starlette

from fbsync.sandbox.options import Options, SandboxError
from fbsync.sandbox.server import Save, build_app
from fbsync.sandbox.state_file import StateError, StateFile
from fbsync.sandbox.world import World


def run(options: Options) -> None:
    """Serve until SIGINT, SIGTERM or what the options say; port 0 takes a free one.

    Once it listens, the settings that another terminal needs are printed to stdout, the verify
    token last. A given app secret is not printed. Raises SandboxError.
    """
    world = options.world()
    save = _saving(options.state_file, world)
    try:
        listening = bind(options.host, options.port)
    except OSError as error:
        raise SandboxError(
            f"The sandbox cannot listen on {options.host} port {options.port}: {error.strerror}.\n"
            "Stop what holds the port, or choose others with --host and --port."
        ) from None
    with listening:
        server = Server(build_app(world, save))
        server.note_signals()  # one may come as soon as somebody has read the settings
        base = _base_url(listening)
        _print(_settings(world, base, secret_is_known=options.app_secret is not None))
        if options.until_stdin_ends:
            threading.Thread(target=server.stop_after_stdin, daemon=True).start()
        server.run([listening])


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    # Each connection inherits it: asyncio sets it only on sockets that name their protocol, and
    # without it an answer in two parts waits 40 ms for the client's delayed acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _saving(state: StateFile | None, world: World) -> Save:
    """Keeps the world in its file. Raises SandboxError where it cannot even once."""
    if state is None:
        return lambda world: None
    try:
        state.save(world)
    except StateError as error:
        raise SandboxError(str(error)) from None

    def save(world: World) -> None:
        try:
            state.save(world)
        except StateError as error:
            print(f"The state is not kept: {error}", file=sys.stderr)

    return save


class Server(uvicorn.Server):
    """uvicorn whose graceful stop by a signal ends with status 0."""

    def __init__(self, app: Starlette) -> None:
        # Without its log, as addresses may hold tokens here.
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
        super().__init__(config)

    def note_signals(self) -> None:
        """From here on SIGINT and SIGTERM stop it; for the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)

    def stop_after_stdin(self) -> None:
        """Wait until standard input ends, then stop it."""
        # Past sys.stdin, whose lock a thread that waits would hold as Python ends.
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In the place of uvicorn's, which raises the signal once more at the end."""
        yield


def _print(lines: Iterable[str]) -> None:
    """On stdout. Raises SandboxError."""
    try:
        for line in lines:
            print(line, flush=True)
    except OSError as error:
        # What is left in the buffer would fail once more as Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SandboxError(
            f"The sandbox's settings cannot be printed: {error.strerror}.\n"
            "Start it with a place to write to."
        ) from None


def _settings(world: World, base: str, *, secret_is_known: bool) -> Iterator[str]:
    yield "# Settings for another terminal (or a .env file there):"
    yield f"FACEBOOK_APP_ID={world.app_id}"
    if secret_is_known:
        yield "# FACEBOOK_APP_SECRET: the one in your environment or .env; keep it"
    else:
        yield f"FACEBOOK_APP_SECRET={world.app_secret}"
    yield f"FACEBOOK_GRAPH_URL={base}"
    yield f"FACEBOOK_DIALOG_URL={base}"
    yield "FACEBOOK_REDIRECT_URI=http://localhost:5000/facebook/callback"
    yield "FACEBOOK_WEBHOOK_ADDRESS=http://127.0.0.1:5000/facebook/webhook"
    yield f"FACEBOOK_VERIFY_TOKEN={world.verify_token}"


def _base_url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
