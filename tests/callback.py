"""A webhook callback that is not ours: it records what it gets and answers as it is told."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """One delivery."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Callback:
    """`challenge` makes the handshake's answer from the query: status, body, headers."""

    url: str = ""
    deliveries: list[Received] = field(default_factory=list)
    handshakes: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # of the next deliveries; 200 after them
    answer: bytes = b""  # to a delivery
    challenge: Callable[[dict[str, str]], tuple[int, bytes, dict[str, str]]] = field(
        default=lambda query: (200, query["hub.challenge"].encode(), {})
    )


@contextmanager
def callback_server(tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Callback]:
    """A callback on loopback, over https with `tls`; on a free port unless one is given."""
    callback = Callback()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            callback.handshakes.append(query)
            self._answer(*callback.challenge(query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            callback.deliveries.append(Received(dict(self.headers), body))
            status = callback.statuses.pop(0) if callback.statuses else 200
            self._answer(status, callback.answer, {})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test looks at what was recorded."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Nothing: the other side left early, or refused our certificate."""

    server = Server(("127.0.0.1", port), Handler)
    if tls is not None:
        # The handshake is made in the thread of each connection, as is everything else.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    callback.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/hook"
    try:
        yield callback
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def one_connection(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server for one request, which `serve` answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        thread.join()
