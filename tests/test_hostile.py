"""A real `fbsync listen` beside hostile clients; the long run is `python -m tests.hostile`."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fbsync.listening.application import WEBHOOK_PATH
from fbsync.listening.person_callbacks import DELETION_PATH
from tests.edge_server import read_to_its_end
from tests.fbsync_process import listener, log_text
from tests.hostile import END_SECONDS, SETTINGS, Attack, delivery, rehearse
from tests.ports import free_port
from tests.servers import wait_until

MIB = 1024 * 1024
BODY = 128 * MIB  # eight times what memory may grow by


@pytest.fixture(scope="session", autouse=True)
def package_for_children() -> Iterator[None]:
    """The processes run in another folder, where they find `tests` all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
        yield


def test_clients_that_hold_their_connections_are_closed_and_harm_nobody() -> None:
    found = rehearse(Attack(silent=60, headers=30, bodies=30, seconds=12, rate=40))
    assert found.faults() == []
    assert found.answered > 0
    assert all(seen["closed"] > 0 for seen in found.hostile.values()), found.hostile


def test_a_process_that_may_open_few_files_serves_on() -> None:
    found = rehearse(Attack(silent=150, headers=75, bodies=75, seconds=3, rate=40, files=256))
    assert found.faults() == []
    assert "evicted connection" in log_text()


def test_a_process_that_can_open_no_more_files_accepts_again_later() -> None:
    port = free_port()
    with listener(port, ("tests.few_files", "40"), **SETTINGS) as process:
        with contextlib.ExitStack() as clients:
            for _ in range(100):
                clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            wait_until(lambda: b"not_accepted" in open_log(), "the lack of files")
        wait_until(lambda: is_served(port), "the next answer")
        assert end(process) == 0
    assert "Traceback" not in log_text()


def open_log() -> bytes:
    return log_text().encode()


def is_served(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(delivery(1))
            return client.recv(65536).startswith(b"HTTP/1.1 200 ")
    except ConnectionError:
        return False


def end(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(60)


def peak(process: subprocess.Popen[bytes]) -> int:
    """The most memory that it ever had, in bytes."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024


def chunked(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


@pytest.mark.parametrize(
    ("path", "with_length"),
    [(WEBHOOK_PATH, True), (WEBHOOK_PATH, False), (DELETION_PATH, False), ("/nowhere", True)],
)
def test_a_very_long_body_costs_little_memory(path: str, with_length: bool) -> None:
    port = free_port()
    framing = f"Content-Length: {BODY}" if with_length else "Transfer-Encoding: chunked"
    piece = b"x" * MIB if with_length else chunked(b"x" * MIB)
    with listener(port, **SETTINGS) as process:
        assert is_served(port)
        before = peak(process)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
            with contextlib.suppress(ConnectionError):  # cut off in the end
                for _ in range(BODY // MIB):
                    client.sendall(piece)
        assert is_served(port)
        assert peak(process) - before < 16 * MIB


@pytest.mark.parametrize("with_length", [True, False], ids=["with its length", "chunked"])
def test_who_sends_a_very_long_body_and_looks_for_an_answer_reads_it(with_length: bool) -> None:
    port = free_port()
    framing = f"Content-Length: {BODY}" if with_length else "Transfer-Encoding: chunked"
    piece = b"x" * MIB if with_length else chunked(b"x" * MIB)
    with (
        listener(port, **SETTINGS),
        socket.create_connection(("127.0.0.1", port), timeout=60) as client,
    ):
        client.sendall(f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        for _ in range(8):
            client.sendall(piece)
        assert read_to_its_end(client).startswith(b"HTTP/1.1 413 ")


HEAD = f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\n".encode()
STALLED = [
    b"",
    HEAD,
    HEAD + b"Content-Length: 9\r\n\r\na",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
]
UNREAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20_000


def test_with_stalled_clients_of_every_kind_it_ends_in_time() -> None:
    port = free_port()
    with listener(port, **SETTINGS) as process, contextlib.ExitStack() as clients:
        for sent in STALLED * 5:
            client = socket.create_connection(("127.0.0.1", port), timeout=60)
            clients.enter_context(client).sendall(sent)
        lazy = clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        lazy.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            lazy.sendall(UNREAD)
        kept = clients.enter_context(httpx.Client(trust_env=False))
        assert kept.get(f"http://127.0.0.1:{port}/").status_code == 404
        began = time.monotonic()
        assert end(process) == 0
        assert time.monotonic() - began < END_SECONDS
    assert "Traceback" not in log_text()
    assert "Stopped." in log_text()
