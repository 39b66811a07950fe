"""One Graph API call: which version answers, who asks, for what; the answer and its headers."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from fbsync.sandbox import edges, nodes, oauth, subscriptions
from fbsync.sandbox.call import Call
from fbsync.sandbox.graph_error import (
    GraphError,
    trace_id,
    unknown_field,
    unknown_object,
    unknown_path,
    unsupported,
)
from fbsync.sandbox.tokens import Token, check_proof, read_token
from fbsync.sandbox.world import World

LIVE_VERSIONS = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0")
"""On 2026-11-23 (Meta, "Graph API changelog, versions"). Older ones fall forward to the first."""

_CALLS_PER_PERCENT = 100  # of the app's invented limit
Changed = Callable[[dict[str, list[str]]], object]


@dataclass(frozen=True)
class Answer:
    """An HTTP status, a JSON value (None for a body that is no JSON), and the headers."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return (
            "<html>Sorry, something went wrong.</html>"
            if self.body is None
            else json.dumps(self.body)
        )


class GraphApi:
    """Answers calls from a world; `changed` is told which fields of which pages changed."""

    def __init__(self, world: World, changed: Changed) -> None:
        self._world = world
        self._changed = changed

    def answer(self, call: Call) -> Answer:
        """The answer, be it an error. A fault that waits for this path comes first."""
        world = self._world
        version = _answering_version(call.version or world.switches.default_version)
        headers = {"facebook-api-version": version or "v26.0", "x-fb-trace-id": trace_id()}
        fault = world.take_fault(call.name)
        if fault is not None:
            error = GraphError("", 0).body()["error"] if fault.error else None
            body = (
                {"error": error | fault.error} if isinstance(error, dict) and fault.error else None
            )
            return Answer(fault.status, body, headers)
        world.call_count += 1
        try:
            if version is None:
                raise unknown_path(call.name)
            body, usage = self._resolve(replace(call, version=version))
        except GraphError as error:
            return Answer(error.status, error.body(), headers)
        return Answer(200, body, headers | usage)

    def _resolve(self, call: Call) -> tuple[Any, dict[str, str]]:
        if "ids" in call.params:
            raise GraphError("The ids query parameter is deprecated in v26.0+.", 100, status=500)
        if call.path == ("oauth", "access_token"):
            return oauth.exchange(self._world, call), {}
        token = read_token(self._world, call.token)
        check_proof(self._world, call.token, call.params)
        return self._route(call, token), self._usage(token)

    def _route(self, call: Call, token: Token) -> Any:
        match call.path:
            case ("debug_token",):
                return oauth.debug(self._world, call, token)
            case ("me", *rest):
                return self._me(call, token, tuple(rest))
            case (app, "subscriptions") if app == self._world.app_id:
                return subscriptions.app_level(self._world, call, token)
            case (app,) if app == self._world.app_id:
                return {"id": app, "name": "Sandbox"}
            case (name, *_) if self._is_business(name):
                return edges.business(self._world, call, token)
            case (page, "subscribed_apps"):
                return subscriptions.page_level(self._world, call, page, token)
            case (page,):
                return self._page(call, page, token)
            case (page, edge, *_) if self._world.page(page):
                raise unknown_field(edge, "Page")
        raise unknown_path(call.name)

    def _me(self, call: Call, token: Token, rest: tuple[str, ...]) -> Any:
        if token.kind == "APP":
            raise GraphError(
                "An active access token must be used to query information about the current user.",
                2500,
            )
        if token.page is not None:
            if rest:
                # A page token's /me is the page, which has none of a person's edges.
                raise GraphError(
                    f"(#100) Tried accessing nonexisting field ({rest[0]}) on node type (Page)", 100
                )
            return self._page(call, token.page, token)
        if rest[:1] == ("permissions",) and call.method == "DELETE":
            return edges.revoke_permissions(self._world, call)
        if call.method != "GET":
            raise unsupported(call.method)
        match rest:
            case ():
                return nodes.read_person(call)
            case ("accounts",):
                return edges.accounts(self._world, call, token)
            case ("permissions",):
                return edges.permissions(self._world)
            case ("businesses",):
                return edges.businesses(self._world, token)
        raise unknown_field(rest[0], "User")

    def _is_business(self, name: str) -> bool:
        return name in self._world.businesses()

    def _page(self, call: Call, page: str, token: Token) -> Any:
        if call.method == "GET":
            return nodes.read_page(self._world, call, page, token)
        if call.method == "POST":
            self._changed({page: nodes.edit_page(self._world, call, page, token)})
            return {"success": True}
        raise unknown_object(page) if self._world.page(page) is None else unsupported(call.method)

    def _usage(self, token: Token) -> dict[str, str]:
        """Usage in whole percents, sent after enough calls (Meta, "Rate limits")."""
        percent = min(100, self._world.call_count // _CALLS_PER_PERCENT)
        if percent == 0:
            return {}
        usage = {"call_count": percent, "total_cputime": percent, "total_time": percent}
        if token.page is None:
            return {"x-app-usage": json.dumps(usage)}
        entry = {"type": "pages", **usage, "estimated_time_to_regain_access": 0}
        return {"x-business-use-case-usage": json.dumps({token.page: [entry]})}


def _answering_version(asked: str) -> str | None:
    """An expired version is answered as the oldest live one; an unknown one not at all."""
    if asked in LIVE_VERSIONS:
        return asked
    major = int(asked[1:].partition(".")[0])
    return LIVE_VERSIONS[0] if 1 <= major < 21 else None
