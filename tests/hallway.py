"""One database file, one store and one Facebook, to test the second half of the hallway."""

import json
import threading
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.errors import (
    DatabaseUnavailable,
    FbsyncError,
    PermanentFailure,
    TemporaryFailure,
)
from fbsync.hallway.refresh import Outcome, Refresher
from fbsync.page import PageId, PageSnapshot
from fbsync.ports import LEASE_SECONDS, Claim, LastStored
from fbsync.store.directory import DirectoryStore

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")
FETCHED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEADLINE = 20.0  # how long a test waits for another thread before it fails

Reading = PageSnapshot | TemporaryFailure | PermanentFailure


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def let_leases_run_out(self) -> None:
        self.seconds += LEASE_SECONDS + 1


class Facebook:
    """The outside world as a ReadPages: each page's fields, or what goes wrong in reading it."""

    def __init__(self) -> None:
        self.pages: dict[PageId, dict[str, object] | TemporaryFailure | PermanentFailure] = {}
        self.asked: list[list[PageId]] = []
        self.before_answer: Callable[[], None] = lambda: None

    def read_pages(self, page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        self.asked.append(list(page_ids))
        self.before_answer()
        return {page: self._read(page) for page in page_ids if page in self.pages}

    def _read(self, page: PageId) -> Reading:
        found = self.pages[page]
        if isinstance(found, FbsyncError):
            return found
        return PageSnapshot(page, dict(found), FETCHED, "v26.0")


class Store(DirectoryStore):
    """A directory store that notes its puts, and where told so calls `before_put` on the nth.

    To create an object counts as a put.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root, "facebook")
        self.puts: list[str] = []
        self.before_put: dict[int, Callable[[], None]] = {}
        self._lock = threading.Lock()

    def put(self, key: str, body: bytes) -> bool:
        self._note(key)
        return super().put(key, body)

    def create(self, key: str, body: bytes) -> bool:
        self._note(key)
        return super().create(key, body)

    def _note(self, key: str) -> None:
        with self._lock:
            self.puts.append(key)
            number = len(self.puts)
        self.before_put.get(number, lambda: None)()


class World:
    """One database file, one store and one Facebook; refreshers are made anew on them."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.facebook = Facebook()
        self.database = Database(sqlite_url(folder / "f.sqlite3"))
        self.inbox = DatabaseInbox(self.database, self.clock)
        self.store = Store(folder / "store")

    def refresh(self, inbox: DatabaseInbox | None = None) -> list[Outcome]:
        refresher = Refresher(inbox or self.inbox, self.store, self.facebook.read_pages)
        return sorted(refresher.refresh(), key=lambda outcome: outcome.page_id)

    def refresh_one(self) -> Outcome:
        (outcome,) = self.refresh()
        return outcome

    def see(self, page: PageId, **fields: object) -> None:
        """The page is so now, and an event says that it changed."""
        self.facebook.pages[page] = {"id": page, **fields}
        self.inbox.mark([page], "webhook")

    def document(self, key: str) -> object:
        body = self.store.get(key)
        return None if body is None else json.loads(body)


class FailingInbox(DatabaseInbox):
    """A database that goes away when a page is to be finished; `claim` fails `outages` times."""

    def __init__(self, world: World, *, outages: int = 0, finishes: bool = False) -> None:
        super().__init__(world.database, world.clock)
        self._outages = outages
        self._finishes = finishes

    def claim(
        self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
    ) -> list[Claim]:
        if self._outages:
            self._outages -= 1
            raise DatabaseUnavailable("It is gone.")
        return super().claim(limit, only, store)

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        if not self._finishes:
            raise DatabaseUnavailable("It is gone.")
        super().finish(claim, stored)
