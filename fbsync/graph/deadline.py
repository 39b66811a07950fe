"""An end to work that has no time limit of its own, such as headers that come byte by byte."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")


def within(seconds: float, work: Callable[[], _Found]) -> _Found:
    """What the work gives or raises. Raises TimeoutError where it takes longer.

    It runs in a thread that is then left to itself, and that does not keep the process alive.
    """
    outcomes: queue.SimpleQueue[tuple[_Found | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcomes.put((work(), None))
        except BaseException as error:  # raised again where it is waited for
            outcomes.put((None, error))

    threading.Thread(target=run, name="fbsync-deadline", daemon=True).start()
    try:
        found, error = outcomes.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return found  # type: ignore[return-value]  # without an error it is what the work gave
