"""/_sandbox: what the page's owner and the tester do, which no Graph API call could."""

import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fbsync.sandbox.deliveries import Deliveries
from fbsync.sandbox.world import Fault, World


class Control:
    """The endpoints. Every answer is JSON; a mistake is 400 or 404 with `{"error": text}`."""

    def __init__(self, world: World, deliveries: Deliveries) -> None:
        self._world = world
        self._deliveries = deliveries

    def routes(self) -> list[Route]:
        """All of them, under /_sandbox."""
        return [
            Route("/_sandbox/pages", self.list_pages, methods=["GET"]),
            Route("/_sandbox/pages", self.edit_pages, methods=["POST"]),
            Route("/_sandbox/pages/{page}", self.edit_page, methods=["POST"]),
            Route("/_sandbox/pages/{page}", self.remove_page, methods=["DELETE"]),
            Route("/_sandbox/calls", self.list_calls, methods=["GET"]),
            Route("/_sandbox/calls", self.clear_calls, methods=["DELETE"]),
            Route("/_sandbox/deliveries", self.list_deliveries, methods=["GET"]),
            Route("/_sandbox/test-event", self.test_event, methods=["POST"]),
            Route("/_sandbox/tokens/revoke", self.revoke, methods=["POST"]),
            Route("/_sandbox/faults", self.add_fault, methods=["POST"]),
            Route("/_sandbox/switches", self.switch, methods=["POST"]),
        ]

    async def list_pages(self, _: Request) -> Response:
        """The public facts of all pages."""
        pages = [self._world.page(page) for page in self._world.page_ids]
        return JSONResponse({"data": pages})

    async def edit_page(self, request: Request) -> Response:
        """Change a page as its owner would; null clears a field. Answers its fields."""
        changes = await _read_object(request)
        page = request.path_params["page"]
        if changes is None or self._world.page(page) is None:
            return _mistake("send a JSON object of fields") if changes is None else _no_page(page)
        self._deliveries.tell_of({page: self._world.edit(page, changes)})
        return JSONResponse(self._world.page(page))

    async def edit_pages(self, request: Request) -> Response:
        """Change many at once, as {id: fields}: their events come in common bodies."""
        wanted = await _read_object(request)
        if wanted is None or not all(isinstance(fields, dict) for fields in wanted.values()):
            return _mistake("send a JSON object of pages, each with its fields")
        for page in wanted:
            if self._world.page(page) is None:
                return _no_page(page)
        changed = {page: self._world.edit(page, fields) for page, fields in wanted.items()}
        return JSONResponse({"deliveries": self._deliveries.tell_of(changed)})

    async def remove_page(self, request: Request) -> Response:
        """Take a page away for good."""
        page = request.path_params["page"]
        return JSONResponse({"success": True}) if self._world.remove(page) else _no_page(page)

    async def list_calls(self, _: Request) -> Response:
        """The Graph calls so far, oldest first: method, path, status; a batch's items too."""
        return JSONResponse({"data": list(self._world.calls)})

    async def clear_calls(self, _: Request) -> Response:
        """Forget them."""
        self._world.calls.clear()
        return JSONResponse({"success": True})

    async def list_deliveries(self, _: Request) -> Response:
        """The webhook deliveries so far, oldest first, and how each fared."""
        return JSONResponse({"data": [record.shown() for record in self._deliveries.records]})

    async def test_event(self, request: Request) -> Response:
        """The dashboard's Test button: an invented value for the page "0"."""
        if self._world.app_subscriptions.get("page") is None:
            return _mistake("the app has no subscription for pages")
        field = (await _read_object(request) or {}).get("field", "name")
        change = {"field": str(field), "value": "Test value"}
        self._deliveries.send([{"id": "0", "time": int(time.time()), "changes": [change]}])
        return JSONResponse({"success": True})

    async def revoke(self, request: Request) -> Response:
        """End tokens: of one page with {"page_id"}, else all; "subcode" says why (460)."""
        asked = await _read_object(request) or {}
        subcode, page = asked.get("subcode", 460), asked.get("page_id")
        if not isinstance(subcode, int):
            return _mistake("subcode is a number")
        with self._world.lock:
            if page is not None:
                last_login = len(self._world.logins)
                self._world.ended_page_tokens[str(page)] = (last_login, subcode)
            else:
                for login in self._world.logins.values():
                    login.ended_by = subcode
        return JSONResponse({"success": True})

    async def add_fault(self, request: Request) -> Response:
        """The next "times" calls whose path contains "path" get "error" with "status".

        Without "error" a batch item is null, and a call of its own gets a body without JSON.
        """
        asked = await _read_object(request)
        if asked is None:
            return _mistake("send a JSON object")
        error = asked.get("error")
        times, status = asked.get("times", 1), asked.get("status", 400 if error else 502)
        if not isinstance(times, int) or not isinstance(status, int):
            return _mistake("times and status are numbers")
        if error is not None and not isinstance(error, dict):
            return _mistake("error is an object")
        fault = Fault(str(asked.get("path") or ""), times, status, error)
        self._world.faults.append(fault)
        return JSONResponse({"success": True})

    async def switch(self, request: Request) -> Response:
        """Set some of the world's switches; answers all."""
        asked, switches = await _read_object(request) or {}, self._world.switches
        known = vars(switches)
        for name, value in asked.items():
            if name not in known or type(value) is not type(known[name]):
                names = ", ".join(f"{name} ({type(now).__name__})" for name, now in known.items())
                return _mistake(f"the switches are: {names}")
        for name, value in asked.items():
            setattr(switches, name, value)
        return JSONResponse(vars(switches))


async def _read_object(request: Request) -> dict[str, Any] | None:
    try:
        value = json.loads(await request.body() or b"{}")
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _mistake(text: str) -> Response:
    return JSONResponse({"error": text}, 400)


def _no_page(page: str) -> Response:
    return JSONResponse({"error": f"there is no page {page}"}, 404)
