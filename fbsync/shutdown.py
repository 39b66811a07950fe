"""The end of a process that runs until it is told to stop: begun once, seen by all its parts."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LAST_SECONDS = 9.0
"""From a signal to the end of the process, whatever hangs. A service manager waits for 10."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Shutdown:
    """Begins at the first `begin`; every part may ask whether it has, and how long ago."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._began_at = 0.0

    def begin(self) -> None:
        """End in order, from any thread. Not from a signal's handler, as it takes a lock."""
        if not self._begun.is_set():
            self._began_at = time.monotonic()
        self._begun.set()

    @property
    def has_begun(self) -> bool:
        """Whether to take on nothing new."""
        return self._begun.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it begins; False where the seconds were over first."""
        return self._begun.wait(seconds)

    def left(self, seconds: float) -> float:
        """What is left of so many seconds since it began; all of them while it has not."""
        if not self.has_begun:
            return seconds
        return max(0.0, self._began_at + seconds - time.monotonic())


def _say(text: str) -> None:
    """On stderr, unless it takes nothing now: nobody may hold up the end."""
    descriptor = 2
    with suppress(OSError):
        if select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, text.encode())


@contextmanager
def shutdown_by_signals(
    as_line: Callable[[str], str] = lambda text: f"{text}\n",
) -> Iterator[Shutdown]:
    """A Shutdown that SIGINT or SIGTERM begins, for the main thread of a process.

    `as_line` makes the last words of a process that is left while it hangs a line of its log.

    A second SIGINT ends the process at once. So do LAST_SECONDS after the first signal, with
    status 0: what was answered is durable, and whoever hangs then would hang for longer.
    """
    shutdown = Shutdown()
    reading, writing = os.pipe()
    ended = threading.Event()

    def note(number: int, _frame: object) -> None:
        # A handler may run inside any lock of this thread, so it takes none itself.
        os.write(writing, b"!")
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch() -> None:
        if not os.read(reading, 1):
            return  # closed at the end of the block: no signal came
        shutdown.begin()
        if not ended.wait(LAST_SECONDS):
            _say(as_line("Ended without what still hung; the next start goes on from there."))
            os._exit(0)

    thread = threading.Thread(target=watch, name="fbsync-signals", daemon=True)
    before = {number: signal.signal(number, note) for number in _SIGNALS}
    thread.start()
    try:
        yield shutdown
    finally:
        ended.set()
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)
        thread.join()
        os.close(reading)
