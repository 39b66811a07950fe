"""What talks to a bucket: one for all threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from fbsync.ports import etag_of
from fbsync.store import s3_wire
from fbsync.store.s3_client import make_client
from fbsync.store.s3_endpoint import S3Endpoint
from tests.buckets import spaces
from tests.hallway import DEADLINE
from tests.refusing_server import Answer, refusing_server
from tests.servers import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 8
STORED = Answer(200, headers={"ETag": f'"{etag_of(b"{}")}"'})


def test_threads_that_come_first_together_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[S3Endpoint] = []
    at_once, second = threading.Barrier(THREADS), threading.Event()

    def make_slowly(endpoint: S3Endpoint) -> "S3Client":
        made.append(endpoint)
        if len(made) > 1:
            second.set()
        second.wait(0.2)  # so long as others could begin to make one too
        return make_client(endpoint)

    monkeypatch.setattr(s3_wire, "make_client", make_slowly)
    with refusing_server({"PUT": STORED}) as server, ThreadPoolExecutor(THREADS) as pool:
        store = spaces(S3Server(server.endpoint, "key", "secret"))

        def put(number: int) -> bool:
            at_once.wait(DEADLINE)
            return store.put(f"{number}/page_data.json", b"{}")

        assert list(pool.map(put, range(THREADS))) == [False] * THREADS
    assert len(made) == 1
