"""A small S3 server on loopback that keeps objects, and behaves as a test wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fbsync.ports import etag_of
from fbsync.store.spaces import SpacesStore
from tests.buckets import spaces
from tests.refusing_server import Answer
from tests.servers import S3Server


class Bucket:
    """What it holds by path, and how it behaves.

    `ends` says how each next put of a page ends: "lost" or a status. `refusal` is its answer to a
    put with a condition, None where it knows conditions. `puts` are the conditions of those so far.
    """

    def __init__(self, refusal: Answer | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.refusal = refusal
        self.puts: list[str | None] = []
        self.ends: list[str | int] = []
        self.under_way: list[tuple[str, bytes]] = []

    def arrive(self) -> None:
        """What was lost is applied now."""
        self.objects.update(self.under_way)
        self.under_way.clear()

    @property
    def listing(self) -> bytes:
        """Of all objects, as S3 tells it (ListObjectsV2)."""
        told = "".join(
            f"<Contents><Key>{path.split('/', 2)[2]}</Key><ETag>{etag_of(body)}</ETag>"
            f"<Size>{len(body)}</Size></Contents>"
            for path, body in sorted(self.objects.items())
        )
        return f"<ListBucketResult>{told}</ListBucketResult>".encode()


@contextmanager
def served(bucket: Bucket) -> Iterator[SpacesStore]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, body: bytes = b"", etag: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{etag}"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            condition = self.headers.get("If-None-Match")
            bucket.puts.append(condition)
            is_page = self.path.endswith("page_data.json")
            end = bucket.ends.pop(0) if is_page and bucket.ends else None
            if end == "lost":
                bucket.under_way.append((self.path, body))
                self.close_connection = True
            elif isinstance(end, int):
                self.answer(end)
            elif condition and bucket.refusal:
                self.answer(bucket.refusal.status, bucket.refusal.body)
            elif condition and self.path in bucket.objects:
                self.answer(412)
            else:
                bucket.objects[self.path] = body
                self.answer(200, etag=etag_of(body))

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            body = bucket.objects.get(path)
            if "list-type=2" in query:
                self.answer(200, bucket.listing)
            elif body is None:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                self.answer(200, body, etag_of(body))

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield spaces(S3Server(f"http://127.0.0.1:{server.server_port}", "AKIA0123", "secret"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
