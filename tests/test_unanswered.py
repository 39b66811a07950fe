"""A put whose first try got no answer and arrives after the next page: over a real socket."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fbsync.hallway.refresh import Refresher
from fbsync.ports import LONGEST_PUT_SECONDS, etag_of, page_key
from fbsync.store.spaces import SpacesStore
from tests.buckets import spaces
from tests.hallway import ONE, World
from tests.servers import S3Server


class Bucket:
    """A small S3 server. `ends` says how each next put of a page ends: "lost" or a status."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.ends: list[str | int] = []
        self.under_way: list[tuple[str, bytes]] = []

    def arrive(self) -> None:
        """What was lost is applied now."""
        self.objects.update(self.under_way)
        self.under_way.clear()


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
            is_page = self.path.endswith("page_data.json")
            end = bucket.ends.pop(0) if is_page and bucket.ends else None
            if end == "lost":
                bucket.under_way.append((self.path, body))
                self.close_connection = True
            elif isinstance(end, int):
                self.answer(end)
            elif self.headers.get("If-None-Match") and self.path in bucket.objects:
                self.answer(412)
            else:
                bucket.objects[self.path] = body
                self.answer(200, etag=etag_of(body))

        def do_GET(self) -> None:
            body = bucket.objects.get(self.path)
            if body is None:
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


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's second try comes without a pause."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@pytest.mark.parametrize("ends", [["lost"], [503, "lost"]], ids=["by the quick way", "by boto3"])
def test_an_old_page_that_arrives_late_is_replaced_by_the_second_look(
    tmp_path: Path, ends: list[str | int]
) -> None:
    world, bucket = World(tmp_path), Bucket()
    with served(bucket) as store:

        def refresh() -> list[str]:
            refresher = Refresher(world.inbox, store, world.facebook.read_pages)
            return [outcome.kind for outcome in refresher.refresh()]

        bucket.ends = list(ends)
        world.see(ONE, name="Old")
        assert refresh() == ["stored"]
        world.see(ONE, name="New")
        assert refresh() == ["stored"]
        bucket.arrive()
        assert json.loads(store.get(page_key(ONE)) or b"")["name"] == "Old"
        assert refresh() == []
        world.clock.seconds += LONGEST_PUT_SECONDS + 1
        assert refresh() == ["unchanged"]
        assert json.loads(store.get(page_key(ONE)) or b"")["name"] == "New"


@pytest.mark.parametrize(
    ("ends", "is_unanswered"),
    [
        ([], False),
        ([503], False),
        ([500, 503], False),
        ([504], True),
        (["lost"], True),
        (["lost", 503], True),
        ([503, "lost"], True),
    ],
    ids=str,
)
def test_only_a_try_without_the_stores_answer_counts(
    ends: list[str | int], is_unanswered: bool
) -> None:
    bucket = Bucket()
    with served(bucket) as store:
        bucket.ends = list(ends)
        assert store.put("1/page_data.json", b"{}") is is_unanswered
        assert bucket.ends == []
        assert store.put("1/page_data.json", b"{}") is False
