"""The body of a request from outside, under a limit of size and the connection's deadline."""

import asyncio
from math import inf
from typing import Protocol

from starlette.requests import ClientDisconnect, Request

RECEIVING = "receiving"
"""The key in a request's state under which the server puts a Receiving. A server that puts none
sets no deadline."""


class Receiving(Protocol):
    """A request that comes in."""

    deadline: float
    """When the whole of it must have come, by the loop's clock; inf: it has come."""


RETRY_AFTER = {"Retry-After": "5"}
_CLOSE = {"Connection": "close"}  # the body was not read to its end
_HEADERS = {408: _CLOSE, 413: _CLOSE, 503: RETRY_AFTER}


class Refusal(Exception):
    """A request ends with this status; `detail` is for the sender too, `hint` is not."""

    def __init__(self, status: int, detail: str, hint: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says beside its status."""
        return _HEADERS.get(self.status, {})


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The raw bytes, cut off as they arrive beyond the limit. Raises Refusal."""
    if int(request.headers.get("Content-Length", 0)) > max_bytes:
        raise _too_long(max_bytes)
    receiving: Receiving | None = request.scope.get("state", {}).get(RECEIVING)
    try:
        if receiving is None or receiving.deadline == inf:  # most come whole: no timer for those
            return await _read(request, max_bytes)
        async with asyncio.timeout_at(receiving.deadline):
            return await _read(request, max_bytes)
    except TimeoutError:
        raise Refusal(408, "The body did not come to its end in time.") from None
    except ClientDisconnect:
        raise Refusal(400, "The connection ended before the body was complete.") from None


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_long(max_bytes)
    return bytes(body)


def _too_long(max_bytes: int) -> Refusal:
    return Refusal(413, f"The body is longer than {max_bytes} bytes.")
