"""`fbsync listen`: the first half of the hallway, as a Starlette application.

read the body -> webhook.verify -> webhook.read_delivery -> record -> 200
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fbsync import webhook
from fbsync.errors import BadSignature, DatabaseUnavailable, UnreadableDelivery
from fbsync.listening.request_body import Refusal, read_body
from fbsync.listening.signature_explainer import SignatureExplainer
from fbsync.notice import Notice
from fbsync.settings.environment import LOOPBACK_HOSTS

BASE_PATH = "/facebook"
"""What our own addresses begin with; a program that mounts us chooses another."""

WEBHOOK_PATH = f"{BASE_PATH}/webhook"
MAX_BODY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Callback:
    """What the endpoint needs: two secrets, where to record, and whom to tell.

    `record` must end soon by itself: Meta waits for it. It raises DatabaseUnavailable.
    `note_handshake` is told how each handshake of Meta's ended; it must not wait for anything.
    """

    app_secret: str
    verify_token: str
    record: Callable[[webhook.Delivery], Awaitable[None]]
    report: Callable[[Notice], None]
    note_handshake: Callable[[webhook.HandshakeResult], None]


def build_app(callback: Callback, *further: Route, base: str = BASE_PATH) -> Starlette:
    """The application, with further routes such as `relay_route`; `base` begins the webhook's path.

    Its `state.deliveries` is the endpoint of the deliveries by itself, for DirectPath.
    """
    explainer = SignatureExplainer(callback.app_secret)

    async def handshake(request: Request) -> Response:
        challenge, result = webhook.answer_challenge(request.query_params, callback.verify_token)
        if webhook.CHECK_HEADER not in request.headers:
            callback.note_handshake(result)
        if result != "answered":
            callback.report(Notice("refused", f"handshake: {result}", 403))
            return PlainTextResponse("Verification failed", 403, headers=_NO_SNIFF)
        callback.report(Notice("handshake", "challenge answered", 200))
        return PlainTextResponse(challenge, headers=_NO_SNIFF)

    async def receive(request: Request) -> Response:
        began = time.monotonic()
        try:
            delivery = await _accept(request, callback, explainer)
        except Refusal as refusal:
            told = f"{refusal.status} {refusal.detail}"
            told = f"{told} Likely: {refusal.hint}." if refusal.hint else told
            callback.report(Notice("refused", told, refusal.status))
            answer = {"status": "error", "message": refusal.detail}
            return JSONResponse(answer, refusal.status, headers=refusal.headers)
        callback.report(_recorded(delivery, time.monotonic() - began))
        return _SUCCESS

    deliveries = _Direct(receive)
    routes = [
        Route(f"{base}/webhook", handshake, methods=["GET"]),
        Route(f"{base}/webhook", deliveries, methods=["POST"]),
    ]
    elsewhere = {HTTPException: _elsewhere(callback.report)}
    app = Starlette(routes=[*routes, *further], exception_handlers=elsewhere)
    app.router.redirect_slashes = False  # to an address that the request's Host would choose
    app.state.deliveries = deliveries
    return app


class DirectPath:
    """Deliveries reach their endpoint directly, all else through the `layers` round it.

    The layers of uvicorn and Starlette would take a tenth of the listener's time under load.
    """

    def __init__(self, deliveries: ASGIApp, layers: ASGIApp) -> None:
        self._deliveries = deliveries
        self._layers = layers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        is_delivery = scope["type"] == "http" and scope["method"] == "POST"
        if is_delivery and scope["path"] == WEBHOOK_PATH:
            await self._deliveries(scope, receive, send)
        else:
            await self._layers(scope, receive, send)


class _Direct:
    """An endpoint as an ASGI application: Starlette wraps functions once more for each message."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        response = await self._answer(Request(scope, receive, send))
        await response(scope, receive, send)


_SUCCESS = JSONResponse({"status": "success"})
_ELSEWHERE = {404: "unknown address", 405: "no such method at this address"}
"""Starlette's own refusals, as told: what was asked for may be anything, and is not repeated."""
_NO_SNIFF = {"X-Content-Type-Options": "nosniff"}


def _elsewhere(report: Callable[[Notice], None]) -> Callable[[Request, Exception], Response]:
    """Answers what Starlette itself refuses."""

    def answer(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
        told = _ELSEWHERE.get(error.status_code, error.detail)
        report(Notice("refused", f"{error.status_code} {told}", error.status_code))
        return PlainTextResponse(error.detail, error.status_code, headers=error.headers)

    return answer


async def _accept(
    request: Request, callback: Callback, explainer: SignatureExplainer
) -> webhook.Delivery:
    """Doors 1 to 3. Raises Refusal."""
    body = await read_body(request, MAX_BODY_BYTES)
    try:
        verified = webhook.verify(body, request.headers, callback.app_secret)
        delivery = webhook.read_delivery(verified, datetime.now(UTC))
        await callback.record(delivery)
    except BadSignature as error:
        hint = explainer.explain(body, request.headers)
        raise Refusal(401, str(error), hint) from None
    except UnreadableDelivery as error:
        raise Refusal(400, str(error)) from None
    except DatabaseUnavailable as error:
        cause = str(error).partition("\n")[0]
        raise Refusal(503, f"Not recorded, send it again. {cause}") from None
    return delivery


def relay_route(path: str, header: str) -> Route:
    """Pass the login dialog's answer on to a `fbsync login` that runs beside this listener.

    Both have the same port by default. The login's own port ends its `state`; the redirect leads
    only to this machine, and only for a browser that came to it by a loopback name, so that nothing
    outside can be sent there. `header` tells the login that we do this.
    """

    async def relay(request: Request) -> Response:
        _, _, port = request.query_params.get("state", "").rpartition(".")
        local = request.url.hostname in LOOPBACK_HOSTS
        if not (local and re.fullmatch("[0-9]{4,5}", port) and 1024 <= int(port) <= 65535):
            answer = "No login waits here. Run: fbsync login"
            return PlainTextResponse(answer, 404, headers={header: "yes"})
        target = f"http://127.0.0.1:{int(port)}{path}?{request.url.query}"
        return RedirectResponse(target, 302, headers={"Cache-Control": "no-store", header: "yes"})

    return Route(path, relay, methods=["GET"])


def _recorded(delivery: webhook.Delivery, seconds: float) -> Notice:
    return Notice("event", _describe(delivery), 200, delivery.id, delivery.page_ids, seconds)


def _describe(delivery: webhook.Delivery) -> str:
    if delivery.fault is not None:
        kept = "kept as a dead letter"
        return f"{delivery.id} {kept}: {delivery.fault} See: fbsync events show {delivery.id}"
    pages = ", ".join(delivery.page_ids[:5]) or "none (a test)"
    more = f" and {len(delivery.page_ids) - 5} more" if len(delivery.page_ids) > 5 else ""
    return f"{delivery.id} recorded; pages: {pages}{more}"
