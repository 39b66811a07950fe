"""What a server of ours tells of one request, or of one connection."""

from dataclasses import dataclass
from typing import Literal

from fbsync.page import PageId


@dataclass(frozen=True)
class Notice:
    """One request as the operator sees it. `detail` holds no secret and no body.

    `status` is that of the answer, if there was one. `event` is the recorded delivery's id, and
    `seconds` is how long it took until it was durable.
    """

    kind: Literal["event", "refused", "handshake", "callback", "failed"]
    detail: str
    status: int | None = None
    event: str | None = None
    pages: tuple[PageId, ...] = ()
    seconds: float | None = None
