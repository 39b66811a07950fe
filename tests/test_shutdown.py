"""How a process that runs until it is told to stop comes to its end."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from fbsync.shutdown import Shutdown, shutdown_by_signals
from tests.hallway import DEADLINE

# A process that says when it is up, and then when its shutdown has begun.
PROGRAM = """
import sys, threading
from fbsync import shutdown
from fbsync.logs.format import LogFormat
from fbsync.logs.line import warning_line
shutdown.LAST_SECONDS = float(sys.argv[1])
formats = [warning_line(LogFormat(name)) for name in sys.argv[3:]]
with shutdown.shutdown_by_signals(*formats) as ending:
    print("up", flush=True)
    ending.wait()
    print("ending", flush=True)
    if sys.argv[2] == "hang":
        threading.Event().wait()
    if sys.argv[2] == "slow":
        sys.stdin.readline()
print("ended", flush=True)
"""


def started(
    last_seconds: float, end: str, stderr: int = subprocess.PIPE, *more: str
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(last_seconds), end, *more],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_a_shutdown_begins_once_and_everybody_sees_it() -> None:
    shutdown = Shutdown()
    assert not shutdown.has_begun
    assert not shutdown.wait(0)
    thread = threading.Thread(target=shutdown.begin)
    thread.start()
    assert shutdown.wait(DEADLINE)
    thread.join()
    assert shutdown.has_begun


def test_time_is_counted_from_the_first_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("fbsync.shutdown.time.monotonic", lambda: now)
    shutdown = Shutdown()
    assert shutdown.left(4) == 4
    shutdown.begin()
    now = 103.0
    shutdown.begin()
    assert shutdown.left(4) == 1
    now = 200.0
    assert shutdown.left(4) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_begins_it_and_the_process_ends_in_order(number: signal.Signals) -> None:
    process = started(DEADLINE, "in order")
    process.send_signal(number)
    assert process.communicate(timeout=DEADLINE) == ("ending\nended\n", "")
    assert process.returncode == 0


def test_what_hangs_is_left_when_the_time_is_over() -> None:
    process = started(0.1, "hang")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=DEADLINE)
    assert (out, process.returncode) == ("ending\n", 0)
    assert err == "Ended without what still hung; the next start goes on from there.\n"


def test_the_last_words_are_a_line_as_the_command_writes_them() -> None:
    process = started(0.1, "hang", subprocess.PIPE, "json")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=DEADLINE)
    (told,) = map(json.loads, err.splitlines())
    assert told["message"] == "Ended without what still hung; the next start goes on from there."
    assert told["kind"] == "warning"


def test_an_error_stream_that_takes_nothing_holds_up_no_end() -> None:
    reading, full = os.pipe()
    os.set_blocking(full, False)
    with suppress(BlockingIOError):
        while True:
            os.write(full, b"x" * 4096)
    os.set_blocking(full, True)
    process = started(0.1, "hang", full)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0
    process.communicate()
    os.close(reading)
    os.close(full)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interrupt_ends_the_process_at_once(first: signal.Signals) -> None:
    process = started(10 * DEADLINE, "hang")
    process.send_signal(first)
    assert process.stdout is not None
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE)
    assert process.returncode == -signal.SIGINT


def test_a_second_sigterm_ends_nothing_early() -> None:
    process = started(DEADLINE, "slow")
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate("go on\n", timeout=DEADLINE) == ("ended\n", "")
    assert process.returncode == 0


def test_without_a_signal_nothing_is_left_behind() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    files = len(os.listdir("/dev/fd"))
    with shutdown_by_signals() as shutdown:
        assert signal.getsignal(signal.SIGINT) not in before
    assert not shutdown.has_begun
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert len(os.listdir("/dev/fd")) == files
    assert "fbsync-signals" not in {thread.name for thread in threading.enumerate()}
