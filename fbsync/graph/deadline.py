"""An end to work that has no time limit of its own, such as headers that come byte by byte."""

import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

_Found = TypeVar("_Found")
_Outcomes = queue.SimpleQueue[tuple[Any, BaseException | None]]


def within(seconds: float, work: Callable[[], _Found]) -> _Found:
    """What the work gives or raises. Raises TimeoutError where it takes longer.

    It runs in a thread that is left to itself after that, and does not keep the process alive.
    """
    outcomes = _Outcomes()
    _idle_hand().submit(work, outcomes)
    try:
        found, error = outcomes.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return found  # type: ignore[no-any-return]  # without an error it is what the work gave


class _Hand:
    """A thread for one piece of work after another, as a new one takes half a millisecond.

    There are as many as there ever was work at once.
    """

    def __init__(self) -> None:
        self._work = queue.SimpleQueue[tuple[Callable[[], object], _Outcomes]]()
        threading.Thread(target=self._run, name="fbsync-deadline", daemon=True).start()

    def submit(self, work: Callable[[], object], outcomes: _Outcomes) -> None:
        """Begin with this work; `outcomes` gets what it gives or raises."""
        self._work.put((work, outcomes))

    def _run(self) -> None:
        while True:
            self._carry_out(*self._work.get())

    def _carry_out(self, work: Callable[[], object], outcomes: _Outcomes) -> None:
        # Idle before anybody can know of the outcome, so that the next work comes here again.
        try:
            found = work()
        except BaseException as error:  # raised again where it is waited for
            _idle.append(self)
            outcomes.put((None, error))
        else:
            _idle.append(self)
            outcomes.put((found, None))


_idle: list[_Hand] = []  # whose methods are atomic
if hasattr(os, "register_at_fork"):  # a child process has none of these threads
    os.register_at_fork(after_in_child=_idle.clear)


def _idle_hand() -> _Hand:
    with suppress(IndexError):
        return _idle.pop()
    return _Hand()
