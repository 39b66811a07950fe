"""Work in a few threads that end with the process, whatever they wait for."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def in_parallel(
    work: Callable[[_Item], _Found], items: Sequence[_Item], threads: int
) -> list[_Found]:
    """What the work gives for each item, in their order; all of it is done before this returns.

    Raises what the work raised first. concurrent.futures would do, if the end of the process did
    not wait for its threads: an upload that hangs must not hold up a shutdown.
    """
    waiting: queue.SimpleQueue[tuple[int, _Item]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, _Found | BaseException, bool]] = queue.SimpleQueue()
    for numbered in enumerate(items):
        waiting.put(numbered)

    def run() -> None:
        while True:
            try:
                index, item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, work(item), False))
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                done.put((index, error, True))

    for _ in range(min(threads, len(items))):
        threading.Thread(target=run, name="fbsync-parallel", daemon=True).start()
    found: dict[int, _Found] = {}
    failure: BaseException | None = None
    for _ in items:
        index, outcome, failed = done.get()
        if failed:
            failure = failure or outcome  # type: ignore[assignment]  # it is what the work raised
        else:
            found[index] = outcome  # type: ignore[assignment]  # it is what the work gave
    if failure is not None:
        raise failure
    return [found[index] for index in range(len(items))]
