"""One Graph API call: which version answers, who asks, for what; the answer and its headers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fbsync.sandbox import edges, nodes, oauth, subscriptions, usage
from fbsync.sandbox.answer import Answer
from fbsync.sandbox.call import Call
from fbsync.sandbox.faults import fault_answer
from fbsync.sandbox.field_selection import parse, pick
from fbsync.sandbox.graph_error import (
    GraphError,
    no_token,
    page_limit_reached,
    service_down,
    trace_id,
    unknown_field,
    unknown_object,
    unknown_path,
    unsupported,
)
from fbsync.sandbox.paging import paged
from fbsync.sandbox.tokens import Token, check_proof, read_token
from fbsync.sandbox.versions import NEWEST, answering_version
from fbsync.sandbox.world import PERSON, World

METHODS = frozenset({"GET", "POST", "DELETE"})
Changed = Callable[[dict[str, list[str]]], object]

_PERSON_EDGES = frozenset({"accounts", "businesses", "permissions"})
"""Those that field expansion reaches, as in /me?fields=accounts.limit(2){name}."""

_LISTED = {
    "businesses": ("Business", {"id", "name"}),
    "permissions": ("Permission", {"permission", "status"}),
    "subscribed_apps": ("Application", {"category", "id", "link", "name", "subscribed_fields"}),
    "subscriptions": ("Subscription", {"active", "callback_url", "fields", "object"}),
}
"""Edges that are answered as one list: the type of their items, and which fields those have."""


class GraphApi:
    """Answers calls from a world.

    `changed` is told which fields of which pages changed; `removed` that the app was removed.
    """

    def __init__(self, world: World, changed: Changed, removed: Callable[[], object]) -> None:
        self._world = world
        self._changed = changed
        self._removed = removed

    def answer(self, call: Call) -> Answer:
        """The answer, be it an error. A fault that waits for this path comes first."""
        world = self._world
        version = answering_version(call.version or world.switches.default_version)
        headers = common_headers(version)
        fault = world.take_fault(call.name)
        if fault is not None and fault.status:
            return fault_answer(fault, call.path, headers)
        seconds = fault.seconds if fault else 0.0
        try:
            if version is None:
                raise unknown_path(call.name)
            body = self._resolve(replace(call, version=version), headers)
        except GraphError as error:
            return Answer(error.status, error.body(), headers, delay_seconds=seconds)
        except _Unfinished:
            return Answer(502, None, headers, is_null=True)
        except _Elsewhere as found:
            return Answer(302, None, headers | {"location": found.url}, plain="")
        return Answer(200, body, headers, delay_seconds=seconds)

    def _resolve(self, call: Call, headers: dict[str, str]) -> Any:
        """The body. Adds to the headers what each answer to this token tells."""
        if "ids" in call.params:
            raise GraphError("The ids query parameter is deprecated in v26.0+.", 100, status=500)
        if call.method not in METHODS:
            raise unsupported(call.method)
        if call.path == ("oauth", "access_token"):
            return oauth.exchange(self._world, call)
        token = read_token(self._world, call.token)
        check_proof(self._world, call.token, call.params)
        used = usage.count(self._world, token)
        headers |= used.headers
        if used.refused is not None:
            raise used.refused
        self._meet_seeded_fault(call, token, headers)
        return self._route(call, token)

    def _meet_seeded_fault(self, call: Call, token: Token, headers: dict[str, str]) -> None:
        """Raises what the seed has chosen for this call."""
        if self._world.seeded is None:
            return
        what = f"{call.method} {call.name} {call.params.get('after', '')}"
        with self._world.lock:
            kind = self._world.seeded.passing(what)
        if kind == "throttle" and token.page:
            headers |= usage.page_headers(token.page, 100, 0)
            raise page_limit_reached()
        if kind in ("throttle", "transient"):
            # The app's own limit would stay closed for long: no header names a time for it.
            raise service_down()
        if kind == "null":
            raise _Unfinished

    def _route(self, call: Call, token: Token) -> Any:
        world = self._world
        match call.path:
            case ("debug_token",):
                return oauth.debug(world, call, token)
            case ("me", *rest):
                return self._me(call, token, tuple(rest))
            case (person, *rest) if person == PERSON["id"] and token.page is None:
                return self._person(call, token, tuple(rest))
            case (app, "subscriptions") if app == world.app_id:
                return _listed(call, subscriptions.app_level(world, call, token))
            case (app,) if app == world.app_id:
                return nodes.read_app(world, call)
            case (name, *_) if name in world.businesses():
                return edges.business(world, call, token)
            case (page, "subscribed_apps"):
                return _listed(call, subscriptions.page_level(world, call, page, token))
            case (page, "picture"):
                return _picture(call, nodes.read_picture(world, page, token))
            case (page,):
                return self._page(call, page, token)
            case (page, edge, *_) if world.page(page):
                raise unknown_field(edge, "Page")
        raise unknown_path(call.name)

    def _me(self, call: Call, token: Token, rest: tuple[str, ...]) -> Any:
        if token.kind == "APP":
            raise no_token()
        if token.page is None:
            return self._person(call, token, rest)
        if rest == ("picture",):
            return _picture(call, nodes.read_picture(self._world, token.page, token))
        if rest:
            # A page token's /me is the page, which has none of a person's edges.
            raise unknown_field(rest[0], "Page")
        return self._page(call, token.page, token)

    def _person(self, call: Call, token: Token, rest: tuple[str, ...]) -> Any:
        if rest[:1] == ("permissions",) and call.method == "DELETE":
            return edges.revoke_permissions(self._world, call, self._removed)
        if call.method != "GET":
            raise unsupported(call.method)
        match rest:
            case ():
                return self._read_person(call, token)
            case ("accounts",):
                return edges.accounts(self._world, call, token)
            case ("permissions",):
                return _listed(call, edges.permissions(self._world))
            case ("businesses",):
                return _listed(call, edges.businesses(self._world, token))
        raise unknown_field(rest[0], "User")

    def _read_person(self, call: Call, token: Token) -> dict[str, Any]:
        """The person, with the edges that field expansion asks for."""
        wanted = parse(call.params.get("fields") or "id,name")
        own = {name: inside for name, inside in wanted.items() if name not in _PERSON_EDGES}
        found = nodes.read_person(own, token)
        for edge, inside in wanted.items():
            if edge not in _PERSON_EDGES:
                continue
            params = {**inside.arguments, "fields": inside.text} if inside is not None else {}
            inner = replace(call, path=("me", edge), params=params)
            found[edge] = self._person(inner, token, (edge,))
        return found

    def _page(self, call: Call, page: str, token: Token) -> Any:
        if call.method == "GET":
            return nodes.read_page(self._world, call, page, token)
        if call.method == "POST":
            self._changed({page: nodes.edit_page(self._world, call, page, token)})
            return {"success": True}
        raise unknown_object(page) if self._world.page(page) is None else unsupported(call.method)


class _Unfinished(Exception):
    """The call takes too long: null in a batch."""


class _Elsewhere(Exception):
    """The answer is a redirect to `url`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


def common_headers(version: str | None) -> dict[str, str]:
    """What each answer tells (Meta, "Debug requests"); `version` is the one that answers."""
    return {
        "facebook-api-version": version or NEWEST,
        "x-fb-trace-id": trace_id(),
        "x-fb-request-id": trace_id(),
        "x-fb-rev": "1000000001",
    }


def _listed(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """An edge's list, part by part, with the fields asked for."""
    if "data" not in answer:
        return answer
    wanted = parse(call.params["fields"]) if call.params.get("fields") else None
    kind, names = _LISTED[call.path[-1]]
    for name in wanted or ():
        if name not in names:
            raise unknown_field(name, kind)
    return paged(call, answer | {"data": pick(answer["data"], wanted)})


def _picture(call: Call, found: dict[str, Any]) -> dict[str, Any]:
    """The picture's facts; without redirect=false the picture itself, where there is one."""
    if call.method != "GET":
        raise unsupported(call.method)
    wants_facts = call.params.get("redirect", "").lower() in ("false", "0")
    if "url" in found["data"] and not wants_facts:
        raise _Elsewhere(found["data"]["url"])
    return found
