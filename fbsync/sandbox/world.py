"""What there is: one app, one person, their pages, logins and subscriptions. All in memory."""

import secrets
import threading
import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from fbsync.sandbox.catalogue import FIRST_PAGE_ID, invent, page_id

APP_ID = "100000000000001"
PERSON = {"id": "122100000000001", "name": "Sam Sandbox"}
TASKS = ["ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"]

SHORT_SECONDS = 5400
LONG_SECONDS = 5_184_000
"""Lifetimes of a user token: one to two hours, 60 days (Meta, "Long-lived tokens")."""

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
    ended_by: int | None = None  # the subcode that its tokens answer from then on

    def sees(self, page: str) -> bool:
        return self.pages is None or page in self.pages


@dataclass
class Code:
    """A login code, good for one exchange with the same redirect."""

    redirect_uri: str
    scopes: frozenset[str]
    pages: frozenset[str] | None
    used: bool = False


@dataclass
class AppSubscription:
    """The app level: one for each object."""

    callback_url: str
    fields: frozenset[str]
    include_values: bool
    active: bool = True


@dataclass
class Switches:
    """How this world behaves where Meta's documents disagree or leave a choice to the app."""

    require_proof: bool = False
    replace_subscriptions: bool = False  # a POST replaces the fields instead of adding to them
    development_mode: bool = False  # then only test events are delivered
    default_version: str = "v26.0"  # of paths without one
    retry_first_seconds: float = 1.0  # pause after the second failed try; doubles from there
    empty_accounts_page: bool = False  # /me/accounts has an empty part with a `next`
    deauthorize_callback: str = ""  # the address to call when the person removes the app
    deletion_callback: str = ""  # the address to call when the person wants their data deleted


@dataclass
class Fault:
    """What the next calls whose path contains `path` get instead of an answer."""

    path: str
    times: int
    status: int
    error: dict[str, Any] | None  # None: a batch item is null, a call gets a body without JSON


@dataclass
class World:
    """Everything. Whoever changes more than one thing holds `lock`."""

    page_count: int = 3
    app_id: str = APP_ID
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    auto_consent: bool = False
    switches: Switches = field(default_factory=Switches)
    logins: dict[int, Login] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict, repr=False)
    permissions: dict[str, str] = field(default_factory=dict)
    app_subscriptions: dict[str, AppSubscription] = field(default_factory=dict)
    page_subscriptions: dict[str, frozenset[str]] = field(default_factory=dict)
    ended_page_tokens: dict[str, tuple[int, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_CALLS_KEPT))
    call_count: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    token_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    page_ids: list[str] = field(init=False, repr=False)  # in order; all of one length
    _edited: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.page_ids = [page_id(index) for index in range(self.page_count)]

    @property
    def app_token(self) -> str:
        return f"{self.app_id}|{self.app_secret}"

    def page(self, page: str) -> dict[str, Any] | None:
        """The page's fields, or None where there is no such page. Not to be changed."""
        if page in self._edited:
            return self._edited[page]
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
            self._edited[page] = after
            return [name for name in changes if before.get(name) != after.get(name)]

    def remove(self, page: str) -> bool:
        """Take the page away. Whether it was there."""
        with self.lock:
            if self.page(page) is None:
                return False
            self._edited.pop(page, None)
            self.page_ids.remove(page)
            self.page_subscriptions.pop(page, None)
            return True

    def new_login(
        self, scopes: frozenset[str], pages: frozenset[str] | None, *, is_long: bool
    ) -> Login:
        """A new session; its tokens come from `tokens`."""
        with self.lock:
            now = int(time.time())
            seconds = LONG_SECONDS if is_long else SHORT_SECONDS
            login = Login(len(self.logins) + 1, scopes, pages, now, now + seconds, is_long)
            self.logins[login.number] = login
            return login

    def remove_app(self) -> None:
        """The person removes the app: every token ends."""
        with self.lock:
            self.permissions.clear()
            for login in self.logins.values():
                login.ended_by = 458

    def take_fault(self, path: str) -> Fault | None:
        """The first fault that is meant for this path, one time less."""
        with self.lock:
            for fault in self.faults:
                if fault.path in path:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                    return fault
        return None
