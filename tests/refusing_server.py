"""A small S3 server on loopback that answers every request in the way a test wants."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EMPTY_ETAG = '"d41d8cd98f00b204e9800998ecf8427e"'


@dataclass(frozen=True)
class Answer:
    """A status, and as its body S3's error code or what a listing has `listed`."""

    status: int
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    listed: str = ""
    after_seconds: float = 0.0

    @property
    def body(self) -> bytes:
        """As S3 has it; the message repeats what must not be told ("Error responses")."""
        if self.listed:
            return f"<ListBucketResult>{self.listed}</ListBucketResult>".encode()
        told = f"<Error><Code>{self.code}</Code><Message>AKIA0123 and its signature</Message>"
        return f"{told}</Error>".encode() if self.code else b""


@dataclass
class RefusingServer:
    """Where it is, and what it was asked: method and headers, in order."""

    endpoint: str
    requests: list[tuple[str, dict[str, str]]]


@contextmanager
def refusing_server(answers: Mapping[str, Answer]) -> Iterator[RefusingServer]:
    """`answers` by method: PUT, GET and HEAD."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, {k.lower(): v for k, v in self.headers.items()}))
            answer = answers[self.command]
            time.sleep(answer.after_seconds)
            body = b"" if self.command == "HEAD" else answer.body
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET = do_HEAD = handle_one

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the store's answer is what counts."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True  # a client's kept connection must not hold up the end
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield RefusingServer(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
