"""The lease on claimed pages: kept alive while they are worked on, and given up in order."""

import threading
import time
from contextlib import suppress

from fbsync.errors import DatabaseUnavailable, LeaseLost
from fbsync.page import PageId
from fbsync.ports import LEASE_SECONDS, Claim, Inbox


def steady_seconds() -> float:
    """A clock that nobody sets. It runs on while the machine sleeps, where the system has such."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """Keeps the lease on a set of claims alive from a thread of its own.

    `begun` is the time by `steady_seconds` before they were claimed: the lease has run since.
    """

    def __init__(self, inbox: Inbox, claims: list[Claim], begun: float) -> None:
        self._inbox = inbox
        self._token = claims[0].lease
        self._open = {claim.page_id: claim for claim in claims}
        self._held = frozenset(self._open)
        self._written: set[PageId] = set()
        self._given_up: set[PageId] = set()
        self._lock = threading.Lock()
        self._until = begun + LEASE_SECONDS
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="fbsync-lease", daemon=True)

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def may_write(self, page: PageId) -> bool:
        """Whether the page was ours at the last renewal and its lease has not run out since."""
        with self._lock:
            is_ours = page in self._held and steady_seconds() < self._until
            if is_ours and page not in self._given_up:
                self._written.add(page)
            return is_ours and page not in self._given_up

    def may_be_written(self, page: PageId) -> bool:
        """Whether a write of the page was allowed, so that it may have happened."""
        return page in self._written

    def is_given_up(self, page: PageId) -> bool:
        """Whether the page was given back before it was settled."""
        return page in self._given_up

    def settled(self, page: PageId) -> None:
        """The page is not ours any more."""
        with self._lock:
            self._open.pop(page, None)

    def give_up(self) -> None:
        """Give back what is neither settled nor being written, and let the rest run out."""
        self._done.set()
        with self._lock:
            free = [claim for page, claim in self._open.items() if page not in self._written]
            self._given_up.update(claim.page_id for claim in free)
        for claim in free:
            with suppress(LeaseLost):
                self._inbox.release(claim, is_written=False)

    def _keep(self) -> None:
        while not self._done.wait(LEASE_SECONDS / 4):
            # Counted from before the renewal, so that we give up no later than the database does.
            until = steady_seconds() + LEASE_SECONDS
            try:
                self._held = self._inbox.renew(self._token)
            except DatabaseUnavailable:
                continue  # the lease runs out where this lasts, and `may_write` then says so
            self._until = until
