"""Work that is given a time."""

import threading

import pytest

from fbsync.graph.deadline import within


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
