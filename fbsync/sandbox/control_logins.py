"""/_sandbox for logins: how the person stands to a page, permissions, and when tokens end."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fbsync.sandbox.control_body import mistake, no_page, read_object
from fbsync.sandbox.world import Login, Standing, World

_STATUSES = ("granted", "declined", "expired")


class LoginControl:
    """The endpoints; answers as those of Control."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_sandbox/pages/{page}/listing", self.list_page, methods=["POST"]),
            Route("/_sandbox/permissions", self.set_permissions, methods=["POST"]),
            Route("/_sandbox/tokens/expiry", self.move_expiry, methods=["POST"]),
        ]

    async def list_page(self, request: Request) -> Response:
        """How the person stands to a page: "tasks", "business", "is_client", "listed".

        Tasks are a list; without any there is no page token. The business is the id of the
        portfolio that owns the page or, with "is_client", has it as a client; null is none. A page
        that is not "listed" is missing from /me/accounts, though the person picked it.
        """
        page, asked = request.path_params["page"], await read_object(request)
        if self._world.page(page) is None:
            return no_page(page)
        standing = _read_standing(self._world.standing(page), asked)
        if standing is None:
            return mistake("the parts are: tasks (list), business (id), is_client, listed (bool)")
        with self._world.lock:
            self._world.standings[page] = standing
        return JSONResponse(vars(standing))

    async def set_permissions(self, request: Request) -> Response:
        """What became of permissions: {name: "granted", "declined" or "expired"}; answers all.

        The tokens so far lose those that are not granted; only a login brings one back.
        """
        asked = await read_object(request)
        if asked is None or not all(status in _STATUSES for status in asked.values()):
            return mistake(f"send a JSON object of permissions, each {', '.join(_STATUSES)}")
        lost = {name for name, status in asked.items() if status != "granted"}
        with self._world.lock:
            self._world.permissions |= asked
            for login in self._world.logins.values():
                login.scopes -= lost
        return JSONResponse(self._world.permissions)

    async def move_expiry(self, request: Request) -> Response:
        """Logins end in "expires_in" seconds, their access to data in "data_access_expires_in".

        All of them, or the one with the number "login"; below 0 is past, null is never.
        """
        asked = await read_object(request)
        parts = ("expires_in", "data_access_expires_in")
        if not asked or not all(_is_seconds(asked.get(part)) for part in parts):
            return mistake("expires_in and data_access_expires_in are seconds, or null for never")
        with self._world.lock:
            logins = list(self._world.logins.values())
            if "login" in asked:
                logins = [login for login in logins if login.number == asked["login"]]
            for login in logins:
                _move(login, asked)
        return JSONResponse({"logins": [login.number for login in logins]})


def _read_standing(now: Standing, asked: dict[str, Any] | None) -> Standing | None:
    """The standing with these parts changed, None where one is unknown or of another kind."""
    parts = vars(now) | (asked or {})
    tasks, business = parts["tasks"], parts["business"]
    is_fit = (
        asked is not None
        and parts.keys() == vars(now).keys()
        and isinstance(tasks, list)
        and all(isinstance(task, str) for task in tasks)
        and (business is None or (isinstance(business, str) and business.isdigit()))
        and isinstance(parts["is_client"], bool)
        and isinstance(parts["listed"], bool)
    )
    return Standing(**parts) if is_fit else None


def _is_seconds(value: object) -> bool:
    return value is None or (isinstance(value, int) and abs(value) < 1 << 32)


def _move(login: Login, asked: dict[str, Any]) -> None:
    now = int(time.time())
    if "expires_in" in asked:
        login.expires_at = 0 if asked["expires_in"] is None else now + asked["expires_in"]
    if "data_access_expires_in" in asked:
        seconds = asked["data_access_expires_in"]
        login.data_access_expires_at = 0 if seconds is None else now + seconds
