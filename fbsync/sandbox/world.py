"""What there is: one app, one person, their pages, logins and subscriptions. All in memory."""

import secrets
import threading
import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from fbsync.sandbox.catalogue import FIRST_PAGE_ID, invent, page_id
from fbsync.sandbox.seeded import SeededFaults
from fbsync.sandbox.switches import Switches as Switches  # for those who build a world

APP_ID = "100000000000001"
PERSON = {"id": "122100000000001", "name": "Sam Sandbox"}
TASKS = ["ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"]

UNSAVED = {"saved": False}
"""Of a field of World that the state file leaves out."""

_CALLS_KEPT = 100_000


@dataclass
class Login:
    """One session of the person with the app. `pages` None means all; times in unix seconds."""

    number: int
    scopes: frozenset[str]
    pages: frozenset[str] | None
    issued_at: int
    expires_at: int
    is_long: bool
    data_access_expires_at: int
    is_system_user: bool  # of Facebook Login for Business; its `expires_at` is 0: never
    ended_by: int | None = None  # the subcode that its tokens answer from then on

    def sees(self, page: str) -> bool:
        return self.pages is None or page in self.pages


@dataclass
class Code:
    """A login code, good for one exchange with the same redirect."""

    redirect_uri: str
    scopes: frozenset[str]
    pages: frozenset[str] | None
    is_system_user: bool = False
    used: bool = False


@dataclass
class Standing:
    """How the person stands to a page.

    Without tasks there is no page token. `business` is the portfolio that owns the page, or that
    has it as a client. Where it is not `listed`, /me/accounts leaves the page out.
    """

    tasks: list[str] = field(default_factory=lambda: list(TASKS))
    business: str | None = None
    is_client: bool = False
    listed: bool = True


@dataclass
class AppSubscription:
    """The app level: one for each object."""

    callback_url: str
    fields: frozenset[str]
    include_values: bool
    active: bool = True


@dataclass
class Fault:
    """What the next calls whose path contains `path` get instead of an answer."""

    path: str
    times: int
    status: int
    error: dict[str, Any] | None  # None: a batch item is null, a call gets a body without JSON
    name: str = ""  # of a documented fault
    plain: str | None = None  # the body without JSON
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # to wait before the answer
    minutes: int = 0  # until calls are answered again


@dataclass
class World:
    """Everything. Whoever changes it holds `lock`: it may be saved at any moment.

    What is not marked as unsaved goes into the state file.
    """

    page_count: int = 3
    app_id: str = APP_ID
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    verify_token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    auto_consent: bool = False
    switches: Switches = field(default_factory=Switches)
    logins: dict[int, Login] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict, repr=False)
    permissions: dict[str, str] = field(default_factory=dict)
    app_subscriptions: dict[str, AppSubscription] = field(default_factory=dict)
    page_subscriptions: dict[str, frozenset[str]] = field(default_factory=dict)
    ended_page_tokens: dict[str, tuple[int, int]] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)  # of pages that are not as usual
    pages_without_role: set[str] = field(default_factory=set)  # the person lost them
    removed_pages: set[str] = field(default_factory=set)
    edited_pages: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    faults: list[Fault] = field(default_factory=list)
    seeded: SeededFaults | None = None
    used_calls: dict[str, tuple[float, float]] = field(default_factory=dict)  # calls, and when
    call_count: int = 0
    batch_items: int = 0
    token_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    calls: deque[dict[str, Any]] = field(
        default_factory=lambda: deque(maxlen=_CALLS_KEPT), metadata=UNSAVED
    )
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, metadata=UNSAVED)
    page_ids: list[str] = field(init=False, repr=False, metadata=UNSAVED)  # all of one length

    def __post_init__(self) -> None:
        pages = map(page_id, range(self.page_count))
        self.page_ids = [page for page in pages if page not in self.removed_pages]

    @property
    def app_token(self) -> str:
        return f"{self.app_id}|{self.app_secret}"

    def page(self, page: str) -> dict[str, Any] | None:
        """The page's fields, or None where there is no such page. Not to be changed."""
        if page in self.edited_pages:
            return self.edited_pages[page]
        at = bisect_left(self.page_ids, page)
        if self.page_ids[at : at + 1] != [page]:
            return None
        return invent(int(page) - FIRST_PAGE_ID)

    def edit(self, page: str, changes: dict[str, Any]) -> list[str]:
        """Set these fields; None clears one. The names of those that are now different."""
        with self.lock:
            before = self.page(page)
            if before is None:
                raise KeyError(page)
            merged = before | changes
            after = {name: value for name, value in merged.items() if value is not None}
            self.edited_pages[page] = after
            return [name for name in changes if before.get(name) != after.get(name)]

    def remove(self, page: str) -> bool:
        """Take the page away. Whether it was there."""
        with self.lock:
            if self.page(page) is None:
                return False
            self.edited_pages.pop(page, None)
            self.page_ids.remove(page)
            self.removed_pages.add(page)
            self.page_subscriptions.pop(page, None)
            return True

    def businesses(self) -> list[str]:
        """The ids of all business portfolios that a page belongs to."""
        return sorted({found.business for found in self.standings.values() if found.business})

    def standing(self, page: str) -> Standing:
        """How the person stands to a page."""
        return self.standings.get(page) or Standing()

    def new_login(
        self,
        scopes: frozenset[str],
        pages: frozenset[str] | None,
        *,
        is_long: bool,
        is_system_user: bool = False,
    ) -> Login:
        """A new session; its tokens come from `tokens`."""
        switches = self.switches
        seconds = switches.long_token_seconds if is_long else switches.short_token_seconds
        with self.lock:
            now = int(time.time())
            login = Login(
                number=len(self.logins) + 1,
                scopes=scopes,
                pages=pages,
                issued_at=now,
                expires_at=0 if is_system_user else now + seconds,
                is_long=is_long or is_system_user,
                data_access_expires_at=now + switches.data_access_seconds,
                is_system_user=is_system_user,
            )
            self.logins[login.number] = login
            return login

    def is_expired_by_seed(self, page: str) -> bool:
        """Whether the seed of faults has the tokens of this page expired for good."""
        return self.seeded is not None and self.seeded.is_expired(int(page) - FIRST_PAGE_ID)

    def remove_app(self) -> None:
        """The person removes the app: every token ends."""
        with self.lock:
            self.permissions.clear()
            for login in self.logins.values():
                login.ended_by = 458

    def take_fault(self, path: str, *, is_batch: bool = False) -> Fault | None:
        """The first fault that is meant for this path, one time less.

        A batch request itself meets only faults that name it.
        """
        with self.lock:
            for fault in self.faults:
                if fault.path == path if is_batch else fault.path in path:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                    return fault
        return None
