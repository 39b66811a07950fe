"""The listener as an ASGI application that a program of somebody else mounts.

A mounted application gets no lifespan events of its own (Starlette, "Lifespan"), so all that works
behind it starts at the first request, and ends when the interpreter does. A program that passes our
`lifespan` on starts and ends it in order.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fbsync.access_log import hide_verify_token
from fbsync.listening.request_body import RECEIVING, RETRY_AFTER
from fbsync.mounted_parts import MountedParts
from fbsync.settings.env_file import load_environ
from fbsync.settings.environment import reading
from fbsync.settings.listener import read_listener

RECEIVE_SECONDS = 10.0
"""For the whole of a body: the program's own server may set no deadline."""

_NOT_UP = {"status": "error", "message": "Not recorded, send it again. fbsync could not start."}


@dataclass(frozen=True)
class _Receiving:
    """See request_body.Receiving."""

    deadline: float


class MountedApp:
    """An ASGI application: /webhook, /deauthorize and /deletion below where it is mounted.

    A 200 means committed and fsynced, as for `fbsync listen`. It serves any number of event loops.
    """

    def __init__(self, environ: Mapping[str, str] | None = None, *, worker: bool = True) -> None:
        """See fbsync.fbsync_app. Nothing is opened yet. Raises SettingsError."""
        with reading(load_environ(None) if environ is None else environ) as env:
            settings = read_listener(env)
        hide_verify_token()
        self._parts = MountedParts(settings, mirrors=worker)
        self._elsewhere = Starlette(lifespan=self.lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. Where all this cannot start now, the answer is 503: Meta sends it again."""
        if scope["type"] != "http":
            await self._elsewhere(scope, receive, send)
            return
        try:
            app = await self._app()
        except Exception:  # noqa: BLE001 - the log has it; the next request tries again
            refusal = JSONResponse(_NOT_UP, 503, headers=RETRY_AFTER)
            await refusal(scope, receive, send)
            return
        receiving = _Receiving(asyncio.get_running_loop().time() + RECEIVE_SECONDS)
        state = {**scope.get("state", {}), RECEIVING: receiving}
        await app({**scope, "state": state}, receive, send)

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """For the program, as in `FastAPI(lifespan=facebook.lifespan)`: start now, end in order.

        Raises FbsyncError where it cannot start.
        """
        await self._app()
        try:
            yield
        finally:
            await asyncio.to_thread(self._parts.end)

    async def _app(self) -> ASGIApp:
        """What runs, started off the event loop. Raises what keeps it from starting."""
        # Shielded: a request that gives up must not cancel the start that others wait for.
        started = await asyncio.shield(asyncio.wrap_future(self._parts.ask()))
        return started.app
