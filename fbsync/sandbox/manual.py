"""What the sandbox can do, as text for `--help` and as JSON for GET /_sandbox.

All of it is made from the code that it describes: the switches, the faults and the endpoints.
"""

import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fbsync.sandbox import faults, seeded, switches
from fbsync.sandbox.deliveries import Deliveries
from fbsync.sandbox.person_callbacks import PersonCallbacks
from fbsync.sandbox.tester import tester_routes
from fbsync.sandbox.world import World

_WIDTH = 96

_INTRODUCTION = """
The sandbox serves the Graph API for any client, in any language: point your client's base address
at it, with or without a version in the path. The login dialog is at /dialog/oauth of the same
address. What it prints at its start are the app's id and secret, the addresses, and a verify token.
State lives in memory; with --state it is kept in a file, which holds its invented secrets.

Served: /me, /{user-id}, their accounts, businesses and permissions; /{page-id} to read and edit,
its picture and subscribed_apps; /{business-id}, its owned_pages and client_pages;
/{app-id}/subscriptions; /oauth/access_token; /debug_token; batches at any path. Tokens and
parameters come in the header, the query, a form of either kind, or JSON. The usage shown is that
of an invented limit: without a limit's switch, 100 calls are one percent.

A first try, without any client:

    curl http://127.0.0.1:8090/_sandbox/pages
    curl -d '{"name": "New name"}' http://127.0.0.1:8090/_sandbox/pages/200000000000001
    curl -d '{"name": "page-throttle", "times": 3}' http://127.0.0.1:8090/_sandbox/faults
"""


def text() -> str:
    """The manual for a terminal."""
    return "\n".join(_lines()).rstrip() + "\n"


def as_json(routes: Sequence[Route]) -> dict[str, Any]:
    """The manual for programs."""
    return {
        "endpoints": [
            {"method": method, "path": path, "meaning": meaning}
            for method, path, meaning in endpoints(routes)
        ],
        "switches": switches.described(),
        "faults": faults.described(),
        "rates": [
            {"name": name, "default": share, "meaning": seeded.MEANINGS[name]}
            for name, share in seeded.RATES.items()
        ],
    }


def endpoint(routes: Sequence[Route]) -> Callable[[Request], Response]:
    """GET /_sandbox."""
    return lambda _: JSONResponse(as_json(routes))


def endpoints(routes: Sequence[Route]) -> list[tuple[str, str, str]]:
    """Method, path and meaning of each."""
    return [
        (
            next(iter(sorted(route.methods - {"HEAD"}))),
            route.path,
            inspect.getdoc(route.endpoint) or "",
        )
        for route in routes
        if route.methods
    ]


def _lines() -> Iterator[str]:
    world = World(page_count=0)
    routes = tester_routes(world, Deliveries(world), PersonCallbacks(world))
    yield from _INTRODUCTION.strip().splitlines()
    yield "\nEndpoints of the tester and of the pages' owner (they take and give JSON):\n"
    for method, path, meaning in endpoints(routes):
        yield from _entry(f"{method} {path}", meaning)
    yield "\nSwitches (--switch NAME=VALUE, or POST /_sandbox/switches):\n"
    for switch in switches.described():
        default = json.dumps(switch["default"])
        yield from _entry(f"{switch['name']} ({switch['type']}, {default})", switch["meaning"])
    yield "\nNamed faults (POST /_sandbox/faults):\n"
    for fault in faults.described():
        code = f", code {fault['code']}" if fault["code"] else ""
        yield from _entry(f"{fault['name']} (HTTP {fault['status']}{code})", fault["meaning"])
    yield "\nRates of the faults that a seed chooses (--faults SEED, POST /_sandbox/faults/seed):\n"
    for name, share in seeded.RATES.items():
        yield from _entry(f"{name} ({share:g})", seeded.MEANINGS[name])


def _entry(head: str, meaning: str) -> Iterator[str]:
    yield f"  {head}"
    indent = " " * 6
    yield from textwrap.wrap(
        " ".join(meaning.split()), _WIDTH, initial_indent=indent, subsequent_indent=indent
    )
