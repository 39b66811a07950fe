"""What a listener and a worker tell of their work, followed through their real log and metrics."""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fbsync.sandbox.world import Switches, World
from fbsync.webhook import sign
from tests import servers
from tests.fbsync_inside import run
from tests.fbsync_process import environ_of, listener, log_text
from tests.ports import free_port
from tests.servers import Sandbox, wait_until

SECRET = "0123456789abcdef0123456789abcdef"
FLOOD = 50
PIPE_BYTES = 4096


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """With an admin who consents."""
    switches = Switches(retry_first_seconds=0.02)
    world = World(page_count=3, auto_consent=True, app_secret=SECRET, switches=switches)
    with servers.sandbox(world) as running:
        yield running


def settings(sandbox: Sandbox, port: int) -> dict[str, str]:
    return {
        "FACEBOOK_APP_ID": sandbox.world.app_id,
        "FACEBOOK_APP_SECRET": SECRET,
        "FACEBOOK_REDIRECT_URI": f"http://localhost:{port}/facebook/callback",
        "FACEBOOK_WEBHOOK_ADDRESS": f"http://127.0.0.1:{port}/facebook/webhook",
        "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
        "FACEBOOK_GRAPH_URL": sandbox.url,
        "FBSYNC_STORE_DIR": "store",
    }


def logged() -> list[dict[str, object]]:
    """The log's lines; each must be an object of its own."""
    return [json.loads(line) for line in log_text().splitlines()]


def metric(port: int, name: str, **labels: str) -> float:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    (found,) = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if (sample.name, sample.labels) == (name, labels)
    ]
    return float(found)


def test_one_id_leads_from_the_request_to_the_stored_version(sandbox: Sandbox) -> None:
    port, operations = free_port(), free_port()
    environ = settings(sandbox, port)
    options = ("--log-format", "json", "--metrics", f"127.0.0.1:{operations}")
    with listener(port, ("fbsync",), *options, **environ) as process:
        assert run("login", **environ).status == 0
        page = sandbox.world.page_ids[0]
        sandbox.client.post(f"/_sandbox/pages/{page}", json={"name": "Renamed"})
        stored = Path(f"store/facebook/{page}/history/000002.json")
        wait_until(stored.exists, "the new version")
        wait_until(lambda: any(line.get("version") == 2 for line in logged()), "its line")
        assert metric(operations, "fbsync_versions_stored_total") >= 1
        assert metric(operations, "fbsync_requests_total", kind="event", status="200") >= 1
        assert metric(operations, "fbsync_deliveries_recorded_total") >= 1
        wait_until(lambda: metric(operations, "fbsync_waiting_pages") == 0, "the look at the rest")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    lines = logged()
    (outcome,) = [line for line in lines if line.get("version") == 2]
    assert (outcome["kind"], outcome["outcome"], outcome["page"]) == ("outcome", "stored", page)
    requests = [
        line for line in lines if (line["kind"], line.get("event")) == ("event", outcome["event"])
    ]
    assert requests
    assert requests[0]["pages"] == [page]
    assert json.loads(stored.read_text())["snapshot"]["name"] == "Renamed"
    assert [line["kind"] for line in (lines[0], lines[-1])] == ["started", "stopped"]


def body_of(number: int) -> bytes:
    """About five pages with long ids, so that its line is long."""
    entries = [{"id": f"{number}{page:030}"} for page in range(5)]
    return json.dumps({"object": "page", "entry": entries}).encode()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as opened:
        yield opened


def post(client: httpx.Client, url: str, body: bytes) -> int:
    return client.post(url, content=body, headers=sign(body, SECRET)).status_code


def test_a_flood_is_summarised_exactly(sandbox: Sandbox, client: httpx.Client) -> None:
    port, operations = free_port(), free_port()
    options = ("--no-worker", "--log-format", "json", "--metrics", f"127.0.0.1:{operations}")
    environ = settings(sandbox, port)
    url = environ["FACEBOOK_WEBHOOK_ADDRESS"]
    with listener(port, ("fbsync",), *options, **environ) as process:
        for number in range(1, FLOOD + 1):
            assert post(client, url, body_of(number)) == 200
            assert client.post(url, content=body_of(number)).status_code == 401
        assert metric(operations, "fbsync_requests_total", kind="event", status="200") == FLOOD
        assert metric(operations, "fbsync_requests_total", kind="refused", status="401") == FLOOD
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    for kind in ("event", "refused"):
        lines = [line for line in logged() if line["kind"] == kind]
        counts = [int(str(line["left_out"])) for line in lines if "left_out" in line]
        assert counts or kind == "event"  # of which these are too few
        assert len(lines) - len(counts) + sum(counts) == FLOOD


def test_an_error_log_that_nobody_reads_holds_up_neither_answers_nor_the_end(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    port = free_port()
    environ = settings(sandbox, port)
    url = environ["FACEBOOK_WEBHOOK_ADDRESS"]
    end, fd = os.pipe()
    assert fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES) == PIPE_BYTES
    process = subprocess.Popen(
        [sys.executable, "-m", "fbsync", "listen", "--port", str(port), "--no-worker"],
        env=environ_of(environ),
        stdout=fd,
        stderr=fd,
    )
    os.close(fd)
    try:
        wait_until(lambda: answers(client, url), "the start")
        for number in range(1, FLOOD):
            assert post(client, url, body_of(number)) == 200
            assert client.post(url, content=b"{}").status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert len(os.read(end, 2 * PIPE_BYTES)) > PIPE_BYTES // 2  # it was as good as full
    finally:
        process.kill()
        process.wait()
        os.close(end)


def answers(client: httpx.Client, url: str) -> bool:
    try:
        return post(client, url, body_of(1)) == 200
    except httpx.TransportError:
        return False


def test_the_id_is_the_beginning_of_the_bodys_digest(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    port = free_port()
    environ = settings(sandbox, port)
    with listener(port, ("fbsync",), "--no-worker", "--log-format", "json", **environ):
        body = body_of(7)
        assert post(client, environ["FACEBOOK_WEBHOOK_ADDRESS"], body) == 200
        wait_until(lambda: any(line["kind"] == "event" for line in logged()), "the line")
    (line,) = [line for line in logged() if line["kind"] == "event"]
    assert line["event"] == hashlib.sha256(body).hexdigest()[:16]
