"""Whether a try of a put was left without the store's answer: it may then be applied much later."""

import threading
from typing import Any

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError

_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)
_OF_A_GATEWAY = frozenset({502, 504})
"""What stands before the store says so; the store itself may be at it still."""


class UnansweredTries:
    """Of the put that a thread makes now; each thread has its own."""

    def __init__(self) -> None:
        self._here = threading.local()

    def begin(self) -> None:
        """A new put: nothing was tried yet."""
        self._here.any = False

    @property
    def any(self) -> bool:
        """Whether a try since `begin` was sent, at least in part, and left without an answer."""
        return bool(getattr(self._here, "any", False))

    def note(self, status: int | None, error: BaseException | None) -> None:
        """How one try ended: with an HTTP status, or an error instead of an answer."""
        if error is not None:
            self._here.any = self.any or not isinstance(error, _NEVER_SENT)
        elif status in _OF_A_GATEWAY:
            self._here.any = True

    def note_try(self, response: Any = None, caught_exception: Any = None, **_: object) -> None:
        """As botocore tells of each try of its own, also the last (event `needs-retry`)."""
        self.note(response[0].status_code if response else None, caught_exception)
