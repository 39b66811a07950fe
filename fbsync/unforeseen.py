"""What nobody foresaw: an endpoint's exception becomes one line, a count and a 500.

Only types and places are told, never values: those may be secrets, or a body from outside.
"""

import traceback
from collections.abc import Callable
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fbsync.listener import Notice

_MAX_PLACES = 5


def describe(error: BaseException) -> str:
    """The type and the places in the code, the innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_PLACES:]
    places = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    ]
    return f"{type(error).__name__} at {' < '.join(places) or 'an unknown place'}"


class UnforeseenErrors:
    """ASGI middleware that answers 500 and tells `report`, where the application raises.

    Inside Starlette's own, which would answer first, raise again, and so cause a traceback.
    """

    def __init__(self, app: ASGIApp, report: Callable[[Notice], None]) -> None:
        self._app = app
        self._report = report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. An answer that had begun is cut off, by raising the error again."""
        has_begun = False

        async def watch(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            self._report(Notice("failed", f"500 {describe(error)}", 500))
            if has_begun:
                raise
            answer = {"status": "error", "message": "This is a fault of ours, send it again."}
            await JSONResponse(answer, 500)(scope, receive, send)
