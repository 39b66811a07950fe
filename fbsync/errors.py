"""The tree of errors.

    FbsyncError
    ├── SettingsError           wrong usage or settings; nothing was done
    ├── LoginFailed             the OAuth dance did not end in a token
    ├── BadSignature            a webhook request that Meta did not sign with our app secret
    ├── UnreadableDelivery      signed, but not a delivery for pages
    ├── NotMirrored             the store holds no such page or version
    │   └── NothingMirrored     nor any other: nothing was mirrored yet, or it is the wrong place
    ├── UnreadableDocument      the store holds something else than fbsync writes there
    ├── OutputFailed            standard output does not take what a command tells
    ├── LeaseLost               another worker took this page over
    ├── TemporaryFailure        worth another try later
    │   ├── GraphUnavailable    the Graph API failed in a way that passes
    │   ├── RateLimited         the Graph API asks to wait; `retry_at` says until when
    │   ├── StoreUnavailable    the object store did not take or give an object
    │   │   └── StoreRefused    and will not until somebody acts, as with a wrong key
    │   ├── StoreMoved          the pages are in another store than the one that we write to
    │   └── DatabaseUnavailable the database did not take or give rows
    └── PermanentFailure        the same call would fail again
        ├── CallRefused         the Graph API refuses the call itself, whoever asks
        ├── FieldRefused        the Graph API does not know this page field, or no longer
        ├── CallbackRefused     Meta's handshake did not get the right answer from the callback
        ├── TokenRefused        the token is expired, revoked or unreadable
        ├── PermissionMissing   the token lacks a permission or a task
        ├── PageGone            the page does not exist (any more) for this token
        └── NoAccess            no token for this page is stored

Every message says what happened, why, and what to do next, in one to three lines. None holds a
token, a secret or a signature.
"""

from datetime import datetime
from typing import Literal


class FbsyncError(Exception):
    """The root: everything that fbsync raises on purpose.

    `of_app`: every call of the app fails, not only those of one person or page.
    """

    of_app = False


class SettingsError(FbsyncError):
    """Settings are missing or malformed; the message lists every one of them by name."""


class LoginFailed(FbsyncError):
    """The OAuth dance did not end in a token."""


class BadSignature(FbsyncError):
    """A webhook request is unsigned or its signature does not fit its bytes."""


class UnreadableDelivery(FbsyncError):
    """A signed body is not JSON, or not a delivery for pages."""


class NotMirrored(FbsyncError):
    """The store holds no such page or version."""


class NothingMirrored(NotMirrored):
    """The store holds no page at all: none was mirrored yet, or it is the wrong place."""


class UnreadableDocument(FbsyncError):
    """What the store holds under `key` is not a document that fbsync writes there."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


class OutputFailed(FbsyncError):
    """Standard output is full or closed. `is_closed_pipe`: who reads it wants no more of it."""

    def __init__(self, message: str, *, is_closed_pipe: bool) -> None:
        super().__init__(message)
        self.is_closed_pipe = is_closed_pipe


class LeaseLost(FbsyncError):
    """The lease on a page ran out and another worker may hold it now."""


class TemporaryFailure(FbsyncError):
    """Worth another try later. `retry_at` is the other side's wish, where it has one."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class GraphUnavailable(TemporaryFailure):
    """The Graph API failed in a way that passes: network, 5xx, codes 1 and 2, `is_transient`."""


class RateLimited(TemporaryFailure):
    """The Graph API asks to wait: codes 4, 17, 32, 341, 368, 613 and 80xxx."""

    def __init__(
        self, message: str, *, retry_at: datetime | None = None, of_app: bool = False
    ) -> None:
        super().__init__(message, retry_at=retry_at)
        self.of_app = of_app


class StoreUnavailable(TemporaryFailure):
    """The object store did not take or give an object."""


class StoreRefused(StoreUnavailable):
    """The object store refuses, and would again until somebody acts.

    A worker tries again all the same, as somebody may; who waits for a command need not wait.
    """


class StoreMoved(TemporaryFailure):
    """Another program gave the database another store than the one that this process writes to."""

    def __init__(self, ours: str) -> None:
        super().__init__(
            f"Another program moved the pages of this database to another store than {ours}, so"
            " nothing is written there any more.\n"
            "Give all programs the same settings of the store, and start this one again."
        )


DatabaseFault = Literal[
    "locked",
    "full",
    "gone",
    "damaged",
    "read-only",
    "pooled",
    "removed",
    "replaced",
    "limit",
    "other",
]
"""Why: another program holds it, no room, not there or unreachable, an I/O error or broken content,
no right to write, a session that is not ours alone, the file was removed or replaced under us, a
limit of ours is reached."""


class DatabaseUnavailable(TemporaryFailure):
    """The database did not take or give rows; `fault` says why, in one word."""

    def __init__(self, message: str, *, fault: DatabaseFault = "other") -> None:
        super().__init__(message)
        self.fault = fault


class PermanentFailure(FbsyncError):
    """The same call would fail again until somebody acts."""


class CallRefused(PermanentFailure):
    """The Graph API refuses the call itself: a bad parameter, an unknown or retired field."""


class FieldRefused(PermanentFailure):
    """Codes 12 and 100 that name a page field: retired, or never there. `field` is its name."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class CallbackRefused(PermanentFailure):
    """Codes 2200 and 2201: Meta's handshake did not get the right answer from our callback."""


class TokenRefused(PermanentFailure):
    """Codes 102 and 190: the token is expired, revoked or unreadable."""


class PermissionMissing(PermanentFailure):
    """Codes 3, 10 and 200 to 299: the token lacks a permission or a task."""


class PageGone(PermanentFailure):
    """The page does not exist, or not for this token (code 100 subcode 33, code 803)."""


class NoAccess(PermanentFailure):
    """No token for this page is stored."""


GRAPH_FAILURES = (GraphUnavailable, RateLimited, PermanentFailure)
"""What a call to the Graph API may end in, as an `except` names it."""
