"""/_sandbox: what the page's owner and the tester do, which no Graph API call could.

The docstrings of the endpoints are their documentation in `fbsync sandbox --help`.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fbsync.sandbox.catalogue import FIELDS
from fbsync.sandbox.control_body import mistake, no_page, read_object
from fbsync.sandbox.control_faults import FaultControl
from fbsync.sandbox.control_logins import LoginControl
from fbsync.sandbox.deliveries import Deliveries
from fbsync.sandbox.events import test_entry
from fbsync.sandbox.world import World

_FIELDS = "fields that a page has; its id stays"


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
            Route("/_sandbox/pages/{page}/role", self.give_role, methods=["POST"]),
            Route("/_sandbox/pages/{page}/role", self.take_role, methods=["DELETE"]),
            Route("/_sandbox/calls", self.list_calls, methods=["GET"]),
            Route("/_sandbox/calls", self.clear_calls, methods=["DELETE"]),
            Route("/_sandbox/deliveries", self.list_deliveries, methods=["GET"]),
            Route("/_sandbox/deliveries", self.clear_deliveries, methods=["DELETE"]),
            Route("/_sandbox/test-event", self.test_event, methods=["POST"]),
            Route("/_sandbox/tokens/revoke", self.revoke, methods=["POST"]),
            Route("/_sandbox/switches", self.list_switches, methods=["GET"]),
            Route("/_sandbox/switches", self.switch, methods=["POST"]),
            *LoginControl(self._world).routes(),
            *FaultControl(self._world).routes(),
        ]

    async def list_pages(self, _: Request) -> Response:
        """The public facts of all pages."""
        pages = [self._world.page(page) for page in self._world.page_ids]
        return JSONResponse({"data": pages})

    async def edit_page(self, request: Request) -> Response:
        """Change a page as its owner would: {field: value}; null clears a field.

        Answers its fields.
        """
        changes = await read_object(request)
        page = request.path_params["page"]
        if self._world.page(page) is None:
            return no_page(page)
        if changes is None or not _are_fields(changes):
            return mistake(f"send a JSON object of {_FIELDS}")
        self._deliveries.tell_of({page: self._world.edit(page, changes)})
        return JSONResponse(self._world.page(page))

    async def edit_pages(self, request: Request) -> Response:
        """Change many at once, as {id: {field: value}}: their events come in common bodies."""
        wanted = await read_object(request)
        if wanted is None or not all(map(_are_fields, wanted.values())):
            return mistake(f"send a JSON object of pages, each with an object of {_FIELDS}")
        for page in wanted:
            if self._world.page(page) is None:
                return no_page(page)
        changed = {page: self._world.edit(page, fields) for page, fields in wanted.items()}
        return JSONResponse({"deliveries": self._deliveries.tell_of(changed)})

    async def remove_page(self, request: Request) -> Response:
        """Take a page away for good."""
        page = request.path_params["page"]
        return JSONResponse({"success": True}) if self._world.remove(page) else no_page(page)

    async def take_role(self, request: Request) -> Response:
        """The person loses the role on the page: tokens end (190/492), no list has it."""
        page = request.path_params["page"]
        if self._world.page(page) is None:
            return no_page(page)
        with self._world.lock:
            self._world.pages_without_role.add(page)
            self._world.ended_page_tokens[page] = (len(self._world.logins), 492)
        return JSONResponse({"success": True})

    async def give_role(self, request: Request) -> Response:
        """The person gets the role again; a new login brings a new token."""
        page = request.path_params["page"]
        if self._world.page(page) is None:
            return no_page(page)
        with self._world.lock:
            self._world.pages_without_role.discard(page)
        return JSONResponse({"success": True})

    async def list_calls(self, _: Request) -> Response:
        """The Graph calls so far, oldest first: method, path, status; a batch's items too.

        "requests" counts them as HTTP requests, "calls" as Meta does: each item of a batch.
        """
        told = list(self._world.calls)
        calls = sum(len(call.get("batch", [call])) for call in told)
        return JSONResponse({"data": told, "requests": len(told), "calls": calls})

    async def clear_calls(self, _: Request) -> Response:
        """Forget them."""
        self._world.calls.clear()
        return JSONResponse({"success": True})

    async def list_deliveries(self, _: Request) -> Response:
        """The webhook deliveries so far, oldest first, and how each fared."""
        return JSONResponse({"data": [record.shown() for record in self._deliveries.records]})

    async def clear_deliveries(self, _: Request) -> Response:
        """Forget them; those that still wait are sent all the same."""
        self._deliveries.records = []
        return JSONResponse({"success": True})

    async def test_event(self, request: Request) -> Response:
        """The dashboard's Test button: {"field", "value"}, an invented value for the page "0"."""
        if self._world.app_subscriptions.get("page") is None:
            return mistake("the app has no subscription for pages")
        asked = await read_object(request)
        if asked is None:
            return mistake('send a JSON object with "field" and "value", or nothing')
        field, value = str(asked.get("field", "name")), asked.get("value", "Test value")
        self._deliveries.send([test_entry(field, value)])
        return JSONResponse({"success": True})

    async def revoke(self, request: Request) -> Response:
        """End tokens: of one page with {"page_id"}, else all; "subcode" says why (460)."""
        asked = await read_object(request)
        if asked is None:
            return mistake('send a JSON object with "page_id" and "subcode", or nothing')
        subcode, page = asked.get("subcode", 460), asked.get("page_id")
        if not isinstance(subcode, int):
            return mistake("subcode is a number")
        with self._world.lock:
            if page is not None:
                last_login = len(self._world.logins)
                self._world.ended_page_tokens[str(page)] = (last_login, subcode)
            else:
                for login in self._world.logins.values():
                    login.ended_by = subcode
        return JSONResponse({"success": True})

    async def list_switches(self, _: Request) -> Response:
        """All switches and how they stand."""
        return JSONResponse(vars(self._world.switches))

    async def switch(self, request: Request) -> Response:
        """Set some of the world's switches, as {name: value}; answers all."""
        asked = await read_object(request)
        if asked is None:
            return mistake("send a JSON object of switches, each with its value")
        try:
            self._world.switches.set(asked)
        except ValueError as error:
            return mistake(str(error))
        return JSONResponse(vars(self._world.switches))


def _are_fields(changes: object) -> bool:
    return isinstance(changes, dict) and changes.keys() <= FIELDS - {"id"}
