"""The operator's server: it answers whatever hangs elsewhere."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fbsync.errors import DatabaseUnavailable
from fbsync.notice import Notice
from fbsync.operations.metrics import Metrics
from fbsync.operations.readiness import Readiness
from fbsync.operations.server import MAX_CONNECTIONS, OperationsServer


@dataclass
class Service:
    """What is asked: `error` is what the probe raises; it never answers while `hangs`."""

    error: DatabaseUnavailable | None = None
    hangs: bool = False
    is_ending: bool = False
    url: str = ""
    notices: list[Notice] = field(default_factory=list)

    async def probe(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=30)


@contextmanager
def running(service: Service) -> Iterator[Service]:
    listening = socket.create_server(("127.0.0.1", 0))
    service.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    readiness = Readiness(service.probe, lambda: service.is_ending)
    with OperationsServer(listening, readiness, Metrics("1.2.3").text, service.notices.append):
        yield service


def test_a_healthy_process_says_so() -> None:
    with running(Service()) as service:
        health, ready = service.get("/healthz"), service.get("/readyz")
    assert (health.status_code, ready.status_code, ready.text) == (200, 200, "Ready.\n")
    assert health.headers["Cache-Control"] == "no-store"
    assert "Server" not in health.headers


def test_a_process_that_can_do_nothing_is_alive_and_says_why_it_is_not_ready() -> None:
    with running(Service(error=DatabaseUnavailable("The database is gone.\nStart it."))) as service:
        assert service.get("/healthz").status_code == 200
        ready = service.get("/readyz")
    assert (ready.status_code, ready.text) == (503, "The database is gone. Start it.\n")


def test_while_a_probe_hangs_health_and_metrics_still_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fbsync.operations.readiness.WAIT_SECONDS", 0.05)
    with running(Service(hangs=True)) as service:
        assert service.get("/readyz").status_code == 503
        assert service.get("/healthz").status_code == 200
        assert service.get("/metrics").status_code == 200


def test_a_process_that_ends_is_alive_but_not_ready() -> None:
    with running(Service(is_ending=True)) as service:
        assert service.get("/healthz").status_code == 200
        assert service.get("/readyz").text == "This process is ending.\n"


def test_the_metrics_are_what_a_prometheus_server_reads() -> None:
    with running(Service()) as service:
        answer = service.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    (sample,) = found["fbsync_build"].samples
    assert (sample.labels, sample.value) == ({"version": "1.2.3"}, 1.0)


def test_silent_clients_hold_up_neither_the_answers_nor_the_end() -> None:
    silent = []
    with running(Service()) as service:
        port = httpx.URL(service.url).port
        assert port
        for _ in range(2 * MAX_CONNECTIONS):
            silent.append(socket.create_connection(("127.0.0.1", port), timeout=60))
            silent[-1].sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        assert service.get("/healthz").status_code == 200
    assert "fbsync-operations" not in {thread.name for thread in threading.enumerate()}
    for connection in silent:
        connection.close()


def test_only_its_three_addresses_exist() -> None:
    with running(Service()) as service:
        assert service.get("/").status_code == 404
        assert httpx.post(f"{service.url}/metrics", trust_env=False).status_code == 405
