"""The worker: refreshes due pages again and again, in a thread of its own."""

import threading
import time
from collections.abc import Callable

from fbsync.errors import DatabaseUnavailable, FbsyncError, StoreMoved
from fbsync.hallway.refresh import CLAIM_LIMIT, Outcome, Refresher
from fbsync.page import PageId
from fbsync.shutdown import Shutdown

POLL_SECONDS = 1.0
END_SECONDS = 4.0
"""How long the pages in hand may take once the end has come; then they are given up."""

QUIET_SECONDS = 0.25
GATHER_SECONDS = 3.0
"""A worker that is woken waits until no further wake came for QUIET_SECONDS, at most this long: a
burst of events about the same pages then costs a few requests, not one for each event."""


class Worker:
    """Refreshes due pages in a thread, looking once in POLL_SECONDS, and soon when woken.

    Once a shutdown has begun, it takes no further pages. An unforeseen error ends it and begins the
    shutdown; leaving the block raises the error.
    """

    def __init__(
        self,
        refresher: Refresher,
        report: Callable[[Outcome | FbsyncError], None],
        shutdown: Shutdown,
    ) -> None:
        self._refresher = refresher
        self._report = report
        self._shutdown = shutdown
        self.looked_at = time.monotonic()
        """When it last saw a claim through, by time.monotonic."""
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fbsync-worker", daemon=True)

    def __enter__(self) -> "Worker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after the pages in hand, or give them up where a call of theirs hangs.

        The thread is then left to itself, for the process to end.
        """
        self._stopped.set()
        self.wake()
        self._thread.join(self._shutdown.left(END_SECONDS))
        if self._thread.is_alive():
            try:
                self._refresher.give_up()
            except DatabaseUnavailable as error:
                self._report(error)  # the leases run out by themselves
        if self._error is not None:
            raise self._error

    def wake(self) -> None:
        """Look for due pages now. It only saves time: marks are found without it too."""
        if not self._wake.is_set():
            self._wake.set()

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException as error:
            self._error = error
            self._shutdown.begin()

    def _loop(self) -> None:
        recent: dict[PageId, float] = {}
        while not self._ends():
            found = self._step()
            # A full claim of pages not read just now is a backlog, which no waiting makes shorter.
            is_backlog = len(found) >= CLAIM_LIMIT and not found & recent.keys()
            now = time.monotonic()
            recent = {page: at for page, at in recent.items() if now - at < GATHER_SECONDS}
            recent |= dict.fromkeys(found, now)
            if not is_backlog and self._wake.wait(0 if found else POLL_SECONDS):
                self._gather()

    def _ends(self) -> bool:
        return self._stopped.is_set() or self._shutdown.has_begun

    def _gather(self) -> None:
        """Let the burst that a wake may have begun come to its end."""
        until = time.monotonic() + GATHER_SECONDS
        while (left := until - time.monotonic()) > 0 and not self._ends():
            self._wake.clear()
            # Not a wait for the wake: a thousand a second would each take the processor's time.
            self._stopped.wait(min(QUIET_SECONDS, left))
            if not self._wake.is_set():
                return

    def _step(self) -> frozenset[PageId]:
        """Refresh what one claim takes; which pages that were."""
        try:
            outcomes = self._refresher.refresh()
        except DatabaseUnavailable as error:
            self._report(error)
            return frozenset()
        except StoreMoved:  # which a StoreWatch tells: others are to read them
            outcomes = []
        self.looked_at = time.monotonic()
        for outcome in outcomes:
            self._report(outcome)
        return frozenset(outcome.page_id for outcome in outcomes)
