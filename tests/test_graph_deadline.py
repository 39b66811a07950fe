"""Work that is given a time."""

import subprocess
import sys
import threading

import pytest

from fbsync.graph.deadline import within

_FORKS = """
import os
from fbsync.graph.deadline import within
within(60, lambda: print("parent", end=" ", flush=True))
if not (child := os.fork()):
    within(20, lambda: print("child", end=" ", flush=True))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_what_the_work_gives_comes_back() -> None:
    assert within(60, lambda: "found") == "found"


def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        within(60, lambda: 1 // 0)


def test_work_that_takes_longer_is_left_to_itself() -> None:
    go_on = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, go_on.wait)
    go_on.set()


def test_one_work_after_another_needs_no_further_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    assert within(60, threading.current_thread) is not threading.current_thread()

    def no_more() -> None:
        raise AssertionError("a further thread")

    monkeypatch.setattr("fbsync.graph.deadline._Hand", no_more)
    with pytest.raises(ZeroDivisionError):
        within(60, lambda: 1 // 0)
    assert within(60, lambda: "found") == "found"


def test_nobody_waits_for_a_thread_that_was_left_to_itself() -> None:
    go_on, begun, done = threading.Event(), threading.Event(), threading.Event()
    left: list[threading.Thread] = []

    def stuck() -> None:
        left.append(threading.current_thread())
        begun.set()
        go_on.wait()
        done.set()

    with pytest.raises(TimeoutError):
        within(0.01, stuck)
    assert begun.wait(60)
    assert within(60, threading.current_thread) not in left
    go_on.set()
    assert done.wait(60)


def test_a_forked_child_has_threads_of_its_own() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _FORKS], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout == "parent child "
