"""The loopback server that receives the login dialog's redirect (RFC 8252, section 7.3).

It answers on 127.0.0.1 and ::1 only. Whatever else knocks (a favicon, a wrong path, a wrong state)
gets an answer of its own and never ends the wait.
"""

import errno
import html
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx

from fbsync.errors import LoginFailed
from fbsync.login.dialog_answer import is_ours, read_answer
from fbsync.wording import counted

RELAY_HEADER = "X-Fbsync-Relay"
"""Set by `fbsync listen` on the redirect path: it passes the dialog's answer on to a login."""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>fbsync</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:18px/1.5 system-ui,sans-serif;max-width:32em;margin:20vh auto;padding:0 1em}}
h1{{font-size:1.4em}}</style><h1>{title}</h1><p>{text}</p></html>"""


class LoopbackServer:
    """Waits for one answer of the login dialog. Use it as a context manager.

    `state` is single-use, with 256 random bits. Where `fbsync listen` holds the redirect's port,
    this server takes another one and appends it to the state, and the listener passes the answer
    on. Raises LoginFailed where the port is taken by something else.
    """

    def __init__(self, redirect_uri: str) -> None:
        parts = urlsplit(redirect_uri)
        self._path = parts.path
        self._lock = threading.Lock()
        self._result: str | LoginFailed | None = None
        self._answered = threading.Event()
        self.state = secrets.token_urlsafe(32)
        self.relayed = False
        port = parts.port or 80
        try:
            self._servers = _bind_both(port, self._answer)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _relays(port, self._path):
                raise LoginFailed(
                    f"Port {port} on this machine cannot be used: {error.strerror}.\n"
                    "Stop what holds it, or set FACEBOOK_REDIRECT_URI to another port."
                ) from None
            self._servers = [_Server(socket.AF_INET, "127.0.0.1", 0, self._answer)]
            self.state += f".{self._servers[0].server_port}"
            self.relayed = True

    def __enter__(self) -> "LoopbackServer":
        for server in self._servers:
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop()

    def wait(self, seconds: float) -> str:
        """The login code. Raises LoginFailed for a denial, an error, or when time is up."""
        if not self._answered.wait(seconds):
            raise LoginFailed(
                f"Nobody answered the login dialog within {counted(round(seconds), 'second')}.\n"
                "Run fbsync login again; --wait sets another limit.\n"
                "If the dialog showed an error, check FACEBOOK_REDIRECT_URI, FACEBOOK_SCOPES and"
                " FACEBOOK_CONFIG_ID."
            )
        if isinstance(self._result, str):
            return self._result
        assert self._result is not None  # noqa: S101 - set before the event, see _accept
        raise self._result

    def _answer(self, path: str, query: Mapping[str, str]) -> tuple[HTTPStatus, str, str]:
        """Status, title and text for one request."""
        if path != self._path:
            return HTTPStatus.NOT_FOUND, "Nothing here", "fbsync waits at another path."
        answer = read_answer(query)
        if answer is None or not is_ours(query, self.state):
            return (
                HTTPStatus.BAD_REQUEST,
                "Not the answer we wait for",
                "This is not the answer to the login that is waiting. Start again in the terminal.",
            )
        if not self._accept(answer):
            return HTTPStatus.BAD_REQUEST, "Already answered", "This login was answered before."
        if isinstance(answer, LoginFailed):
            return HTTPStatus.OK, "Login cancelled", "You can close this window."
        return (
            HTTPStatus.OK,
            "Thank you",
            "fbsync goes on in the terminal. You can close this window.",
        )

    def _accept(self, result: str | LoginFailed) -> bool:
        """Take the first answer; the state is then used up."""
        with self._lock:
            if self._answered.is_set():
                return False
            self._result = result
            self._answered.set()
            return True


_POLL_SECONDS = 0.05  # how soon a server notices that it shall stop
_AnswerRequest = Callable[[str, Mapping[str, str]], tuple[HTTPStatus, str, str]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Elsewhere this only skips the wait for old connections; on Windows it would share the port.
    allow_reuse_address = sys.platform != "win32"

    def __init__(
        self, family: socket.AddressFamily, host: str, port: int, answer: _AnswerRequest
    ) -> None:
        self.address_family = family
        self.answer = answer
        super().__init__((host, port), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever,
            kwargs={"poll_interval": _POLL_SECONDS},
            name=f"fbsync-login-{host}",
        )

    def start(self) -> None:
        self._thread.start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a stray request that breaks off is no business of the operator's."""

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10  # seconds for a request to arrive
    server_version = "fbsync"
    sys_version = ""

    def do_GET(self) -> None:
        try:
            parts = urlsplit(self.path)
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        status, title, text = self.server.answer(parts.path, query)
        body = _PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        # The address holds the code: keep it out of caches and of the next site's logs.
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the request line holds the code."""


def _bind_both(port: int, answer: _AnswerRequest) -> list[_Server]:
    """A server on each loopback address; IPv4 alone on a machine without IPv6."""
    servers = [_Server(socket.AF_INET, "127.0.0.1", port, answer)]
    try:
        servers.append(_Server(socket.AF_INET6, "::1", servers[0].server_port, answer))
    except OSError as error:
        if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            servers[0].server_close()
            raise
    return servers


def _relays(port: int, path: str) -> bool:
    """Whether `fbsync listen` holds the port and passes answers on."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return RELAY_HEADER in answer.headers
