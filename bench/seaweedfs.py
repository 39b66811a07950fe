"""An S3 server for the measurements: SeaweedFS in a folder of its own, counting its requests."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests import servers
from tests.buckets import bare_client

READY_SECONDS = 60.0
BUCKET = "bench"
_COUNTED = re.compile(r'^SeaweedFS_s3_request_total\{.*type="(\w+)"\} (\d+)', re.MULTILINE)


@dataclass(frozen=True)
class SeaweedFS:
    """A running server with an empty bucket."""

    s3: servers.S3Server

    def settings(self, prefix: str) -> dict[str, str]:
        """What leads fbsync to it."""
        return {
            "SPACES_BUCKET": BUCKET,
            "SPACES_ENDPOINT": self.s3.endpoint,
            "SPACES_ACCESS_KEY": self.s3.access_key,
            "SPACES_SECRET_KEY": self.s3.secret_key,
            "SPACES_PREFIX": prefix,
        }

    def requests(self) -> Mapping[str, int]:
        """How many of each kind it has answered so far, by its own count."""
        told = httpx.get(self.s3.metrics, trust_env=False, timeout=READY_SECONDS).text
        counts: dict[str, int] = {}
        for kind, count in _COUNTED.findall(told):
            counts[kind] = counts.get(kind, 0) + int(count)
        return counts


@contextmanager
def seaweedfs() -> Iterator[SeaweedFS]:
    """Start it, wait until it answers, make the bucket; stopped and forgotten at the end."""
    with servers.seaweedfs(counts=True) as server:
        with bare_client(server) as client:
            client.create_bucket(Bucket=BUCKET)
        yield SeaweedFS(server)
