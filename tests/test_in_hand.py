"""A few pieces of work in hand at once."""

import threading
from functools import partial

import pytest

from fbsync.sync.in_hand import InHand

WAIT = 30.0


def test_each_worker_has_one_item_and_the_next_waits_for_the_first_that_is_free() -> None:
    gates = {number: threading.Event() for number in range(3)}
    begun: list[tuple[str, int]] = []

    def work(name: str, number: int) -> None:
        begun.append((name, number))
        assert gates[number].wait(WAIT)

    line = InHand([partial(work, "a"), partial(work, "b")])
    line.submit(0)
    line.submit(1)
    submitter = threading.Thread(target=line.submit, args=(2,))
    submitter.start()
    assert not line.wait(0.05)
    assert sorted(begun) == [("a", 0), ("b", 1)]
    gates[1].set()
    submitter.join(WAIT)
    gates[0].set()
    gates[2].set()
    line.finish()
    assert begun[-1] == ("b", 2)


def test_what_the_work_raised_is_raised_where_it_is_waited_for() -> None:
    def work(number: int) -> None:
        if number == 1:
            raise ValueError("the first")

    line = InHand([work])
    line.submit(0)
    line.submit(1)
    with pytest.raises(ValueError, match="the first"):
        line.submit(2)
    with pytest.raises(ValueError, match="the first"):
        line.finish()


def test_waiting_ends_in_time_and_says_whether_all_is_done() -> None:
    gate = threading.Event()

    def work(number: int) -> None:
        assert gate.wait(WAIT)

    line = InHand([work])
    assert line.wait(0)
    line.submit(1)
    assert not line.wait(0.01)
    gate.set()
    assert line.wait(WAIT)
