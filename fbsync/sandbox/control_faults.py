"""/_sandbox/faults: what goes wrong, one by one or by a seed."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fbsync.sandbox.control_body import mistake, read_object
from fbsync.sandbox.faults import NAMED, named_fault
from fbsync.sandbox.seeded import seeded_faults
from fbsync.sandbox.world import Fault, World

_NUMBERS = {
    "times": (1, 1_000_000),
    "status": (200, 599),
    "seconds": (0, 600),
    "minutes": (0, 100_000),
}


class FaultControl:
    """The endpoints; answers as those of Control."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_sandbox/faults", self.list_faults, methods=["GET"]),
            Route("/_sandbox/faults", self.add_fault, methods=["POST"]),
            Route("/_sandbox/faults", self.clear_faults, methods=["DELETE"]),
            Route("/_sandbox/faults/seed", self.set_seed, methods=["POST"]),
        ]

    async def list_faults(self, _: Request) -> Response:
        """The faults that wait for their calls, and the seed with its rates."""
        seeded = self._world.seeded
        return JSONResponse(
            {
                "data": [asdict(fault) for fault in self._world.faults],
                "seed": seeded and seeded.seed,
                "rates": seeded and seeded.rates,
            }
        )

    async def add_fault(self, request: Request) -> Response:
        """The next "times" (1) calls whose path contains "path" ("") get a fault.

        Either "name" is one of the named faults, or "error" is the error's object and "status" its
        HTTP status (400); without both, a batch item is null, and a call of its own gets a body
        without JSON. The path "batch" is a whole batch request. Some named faults take "seconds",
        "minutes" or "field".
        """
        asked = await read_object(request)
        wrong = "send a JSON object" if asked is None else _what_is_wrong(asked)
        if asked is None or wrong:
            return mistake(wrong)
        path, times = str(asked.get("path") or ""), int(asked.get("times", 1))
        if "name" in asked:
            fault = named_fault(asked["name"], path, times, asked)
        else:
            error = asked.get("error")
            fault = Fault(path, times, int(asked.get("status", 400 if error else 502)), error)
        with self._world.lock:
            self._world.faults.append(fault)
        return JSONResponse({"success": True})

    async def clear_faults(self, _: Request) -> Response:
        """No more faults, nor a seed."""
        with self._world.lock:
            self._world.faults.clear()
            self._world.seeded = None
        return JSONResponse({"success": True})

    async def set_seed(self, request: Request) -> Response:
        """Faults chosen by a seed from now on: {"seed": 7, "rates": {name: share}}."""
        asked = await read_object(request) or {}
        try:
            self._world.seeded = seeded_faults(asked.get("seed"), asked.get("rates"))
        except ValueError as error:
            return mistake(str(error))
        return await self.list_faults(request)


def _what_is_wrong(asked: dict[str, Any]) -> str:
    """Empty where nothing is."""
    if "name" in asked and str(asked["name"]) not in NAMED:
        return f"the named faults are: {', '.join(NAMED)}"
    if not isinstance(asked.get("error"), dict | None):
        return "error is an object"
    for name in _NUMBERS.keys() & asked.keys():
        value, (least, most) = asked[name], _NUMBERS[name]
        if type(value) not in (int, float) or not least <= value <= most:
            return f"{name} is a number from {least} to {most}"
    return "a status of its kind has no body" if asked.get("status") in (204, 205, 304) else ""
