"""The body of a request from outside, under a limit of size and an absolute deadline."""

import asyncio

from starlette.requests import ClientDisconnect, Request

BODY_SECONDS = 10.0
"""How long a request's body may take to arrive. Meta gives up on a callback after some seconds."""


class Refusal(Exception):
    """A request ends with this status; `detail` is for the sender too, `hint` is not."""

    def __init__(self, status: int, detail: str, hint: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The raw bytes, cut off as they arrive beyond the limit. Raises Refusal."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise Refusal(413, f"The body is longer than {max_bytes} bytes.")
    except TimeoutError:
        raise Refusal(408, f"The body took longer than {BODY_SECONDS:.0f} s.") from None
    except ClientDisconnect:
        raise Refusal(400, "The sender left before the body was complete.") from None
    return bytes(body)
