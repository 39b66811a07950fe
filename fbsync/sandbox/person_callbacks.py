"""Meta's calls about the person: the app was removed, or the person wants their data deleted.

Each brings a signed_request in a form (Meta, "Data deletion callback"). The addresses are two
switches, `deauthorize_callback` and `deletion_callback`; a real app has them in its dashboard.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import time
from base64 import urlsafe_b64encode
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fbsync.sandbox.control_body import mistake, read_object
from fbsync.sandbox.world import PERSON, World

_SECONDS = 10.0
_MAX_ANSWER_CHARACTERS = 10_000
_KEPT = 1000
_OPTIONS: dict[str, type] = {"user_id": str, "issued_at": int, "expires": int, "forged": bool}


@dataclass
class Sent:
    """One call and how the app answered; `accepted` is what Meta would make of it."""

    kind: str
    url: str
    status: int | None = None
    error: str | None = None
    answer: Any = field(default=None)
    accepted: bool = False


class PersonCallbacks:
    """Sends on the server's event loop."""

    def __init__(self, world: World) -> None:
        self.sent: deque[Sent] = deque(maxlen=_KEPT)
        self._world = world
        self._tasks: set[asyncio.Task[Sent]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Send from this loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._client = httpx.AsyncClient(timeout=_SECONDS, trust_env=False)

    async def stop(self) -> None:
        """Drop what is under way."""
        self._loop = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def routes(self) -> list[Route]:
        """What the person does under Settings > Apps and Websites, and what came of it."""
        return [
            Route("/_sandbox/deauthorize", self.deauthorize, methods=["POST"]),
            Route("/_sandbox/deletion", self.delete_data, methods=["POST"]),
            Route("/_sandbox/person-callbacks", self.list_sent, methods=["GET"]),
        ]

    async def deauthorize(self, request: Request) -> Response:
        """Remove the app: all tokens end (458), and the deauthorize callback is called.

        With any of "user_id", "issued_at", "expires" (unix seconds) and "forged" (true) only the
        call is made, with these values in it. Answers how the app took it.
        """
        return await self._send_as_asked(request, "deauthorize")

    async def delete_data(self, request: Request) -> Response:
        """Ask for the deletion of the person's data: the deletion callback is called.

        "user_id", "issued_at", "expires" (unix seconds) and "forged" (true) change the call.
        Answers how the app took it, and its answer: url and confirmation_code.
        """
        return await self._send_as_asked(request, "deletion")

    async def list_sent(self, _: Request) -> Response:
        """These calls so far, oldest first, and how the app took each."""
        return JSONResponse({"data": [asdict(sent) for sent in self.sent]})

    def tell_removed(self) -> None:
        """The person removed the app; from any thread."""
        if self._loop is not None and self._world.switches.deauthorize_callback:
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        task = asyncio.get_running_loop().create_task(self._send("deauthorize", {}))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_as_asked(self, request: Request, kind: str) -> Response:
        options = await read_object(request)
        if options is None or not all(map(_is_option, options.items())):
            known = ", ".join(f"{name} ({kind.__name__})" for name, kind in _OPTIONS.items())
            return mistake(f"send a JSON object; its options are: {known}")
        if not self._url(kind):
            return mistake(f"set the switch {kind}_callback first")
        if kind == "deauthorize" and not options:
            self._world.remove_app()
        return JSONResponse(asdict(await self._send(kind, options)))

    async def _send(self, kind: str, options: dict[str, Any]) -> Sent:
        sent = Sent(kind, self._url(kind))
        self.sent.append(sent)
        form = {"signed_request": signed_request(self._world.app_secret, options)}
        try:
            answer = await self._client.post(sent.url, data=form)
        except Exception as error:  # noqa: BLE001 - the address may be any text; shown to the tester
            sent.error = type(error).__name__
        else:
            sent.status = answer.status_code
            sent.answer = _read_answer(answer)
            sent.accepted = answer.status_code == 200 and (
                kind == "deauthorize" or _is_confirmation(sent.answer)
            )
        print(f"{kind} callback: {sent.error or f'HTTP {sent.status}'}", file=sys.stderr)
        return sent

    def _url(self, kind: str) -> str:
        switches = self._world.switches
        return (
            switches.deauthorize_callback if kind == "deauthorize" else switches.deletion_callback
        )


def signed_request(app_secret: str, options: dict[str, Any]) -> str:
    """base64url(signature) "." base64url(payload), the signature over the encoded payload."""
    payload: dict[str, Any] = {
        "user_id": options.get("user_id", PERSON["id"]),
        "algorithm": "HMAC-SHA256",
        "issued_at": options.get("issued_at", int(time.time())),
    }
    if "expires" in options:
        payload["expires"] = options["expires"]
    secret = "somebody else's" if options.get("forged") else app_secret
    encoded = _base64url(json.dumps(payload, separators=(",", ":")).encode())
    signature = hmac.new(secret.encode(), encoded.encode(), hashlib.sha256).digest()
    return f"{_base64url(signature)}.{encoded}"


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _is_option(option: tuple[str, Any]) -> bool:
    name, value = option
    return name in _OPTIONS and type(value) is _OPTIONS[name]


def _read_answer(answer: httpx.Response) -> Any:
    """The JSON of the answer, else the beginning of its text."""
    try:
        return answer.json()
    except ValueError:
        return answer.text[:_MAX_ANSWER_CHARACTERS]


def _is_confirmation(answer: Any) -> bool:
    """Meta wants a url and a confirmation_code (Meta, "Data deletion callback")."""
    return isinstance(answer, dict) and all(
        isinstance(answer.get(name), str) and answer[name] for name in ("url", "confirmation_code")
    )
