"""Meta's two callbacks about a person, and the status page that the second one promises.

    POST /facebook/deauthorize        the person removed the app
    POST /facebook/deletion           the person wants their data deleted (Meta, "Data deletion
                                      callback"): answers where to see it done, and a code
    GET  /facebook/deletion/{code}    says so to the person

Both come as a form with the field signed_request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from fbsync.database.departures import Departure, Departures
from fbsync.errors import BadSignature, DatabaseUnavailable, UnreadableDelivery
from fbsync.listening.application import BASE_PATH
from fbsync.listening.group_commit import COMMIT_SECONDS
from fbsync.listening.request_body import RETRY_AFTER, Refusal, read_body
from fbsync.notice import Notice
from fbsync.signed_request import SignedRequest, read_signed_request
from fbsync.wording import counted

_DEAUTHORIZE, _DELETION = "/deauthorize", "/deletion"
DEAUTHORIZE_PATH = f"{BASE_PATH}{_DEAUTHORIZE}"
DELETION_PATH = f"{BASE_PATH}{_DELETION}"
MAX_BODY_BYTES = 16 * 1024
_MAX_FIELDS = 10

_Endpoint = Callable[[Request], Awaitable[Response]]
_Given = TypeVar("_Given")
_Found = TypeVar("_Found")

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True)
class PersonCallbacks:
    """The routes. `address` is the webhook's public one, "" where it is not known.

    `base` begins their paths, after what a program mounts us at.
    """

    app_secret: str
    departures: Departures
    report: Callable[[Notice], None]
    address: str = ""
    base: str = BASE_PATH

    def routes(self) -> list[Route]:
        """All of them."""
        deauthorize = self._guarded("deauthorize", self._deauthorize)
        delete = self._guarded("data deletion", self._delete)
        return [
            Route(f"{self.base}{_DEAUTHORIZE}", deauthorize, methods=["POST"]),
            Route(f"{self.base}{_DELETION}", delete, methods=["POST"]),
            Route(f"{self.base}{_DELETION}/{{code}}", self._show, methods=["GET"]),
        ]

    async def _deauthorize(self, request: Request) -> Response:
        signed = await self._read(request)
        departure = await _in_a_thread(self.departures.deauthorize, signed)
        self.report(Notice("callback", f"deauthorize: {_describe(departure)}", 200))
        return JSONResponse({"status": "success"})

    async def _delete(self, request: Request) -> Response:
        signed = await self._read(request)
        departure = await _in_a_thread(self.departures.delete_data, signed)
        self.report(Notice("callback", f"data deletion: {_describe(departure)}", 200))
        url = f"{self._base(request)}{_DELETION}/{departure.code}"
        return JSONResponse({"url": url, "confirmation_code": departure.code})

    async def _show(self, request: Request) -> Response:
        code = str(request.path_params["code"])
        try:
            departure = await _in_a_thread(self.departures.find_deletion, code)
        except Refusal as refusal:
            return _page("Please try again in a minute", [refusal.detail], 503)
        if departure is None:
            return _page("Unknown code", ["There is no deletion request with this code."], 404)
        return _page("Your deletion request", _explain(departure), 200)

    def _guarded(self, name: str, answer: _Endpoint) -> _Endpoint:
        """The endpoint, whose refusals become answers and notices."""

        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request)
            except Refusal as refusal:
                detail = f"{refusal.status} {name}: {refusal.detail}"
                self.report(Notice("refused", detail, refusal.status))
                told = {"status": "error", "message": refusal.detail}
                return JSONResponse(told, refusal.status, headers=refusal.headers)

        return endpoint

    async def _read(self, request: Request) -> SignedRequest:
        """The signed request of the form. Raises Refusal."""
        body = await read_body(request, MAX_BODY_BYTES)
        try:
            form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
            (text,) = form["signed_request"]
        except (KeyError, ValueError):
            raise Refusal(400, "The form has no field signed_request, or several.") from None
        try:
            return read_signed_request(text, self.app_secret, datetime.now(UTC))
        except BadSignature as error:
            raise Refusal(401, str(error)) from None
        except UnreadableDelivery as error:
            raise Refusal(400, str(error)) from None

    def _base(self, request: Request) -> str:
        """What our public addresses begin with; a proxy may have put a prefix there."""
        mounted = f"{request.scope.get('root_path', '')}{self.base}"
        if not self.address:
            return f"{request.url.scheme}://{request.url.netloc}{mounted}"
        address = self.address.rstrip("/")
        if address.endswith(f"{self.base}/webhook"):
            return address.removesuffix("/webhook")
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc}{mounted}"


async def _in_a_thread(work: Callable[[_Given], _Found], given: _Given) -> _Found:
    """Database work off the event loop. Raises Refusal where the database does not do it."""
    try:
        async with asyncio.timeout(COMMIT_SECONDS):
            return await asyncio.to_thread(work, given)
    except (DatabaseUnavailable, TimeoutError) as error:
        cause = str(error).partition("\n")[0] or "The database took too long."
        raise Refusal(503, f"Not done, send it again. {cause}") from None


def _describe(departure: Departure) -> str:
    """For the operator; it names nobody."""
    if departure.outdated:
        return "nothing dropped, as the person logged in again after asking"
    told = f"the tokens of {counted(departure.page_tokens, 'page')} dropped"
    return told if departure.is_new else f"{told} (done before)"


def _explain(departure: Departure) -> list[str]:
    """For the person."""
    asked = f"You asked on {departure.asked_at:%Y-%m-%d %H:%M} UTC"
    if departure.outdated:
        return [
            f"{asked}, and logged in to the app again after that. So nothing was deleted.",
            "If you still want it, remove the app and ask once more.",
        ]
    deleted = []
    if departure.logins:
        deleted.append("your id, your name and your login's token")
    if departure.page_tokens:
        deleted.append(
            f"the tokens of {counted(departure.page_tokens, 'page')} that you had opened to us"
        )
    if departure.events:
        deleted.append(f"{counted(departure.events, 'event')} that named you")
    what = f"Deleted: {'; '.join(deleted)}." if deleted else "Nothing of yours was stored any more."
    return [
        f"{asked}. It was done on {departure.done_at:%Y-%m-%d %H:%M} UTC.",
        what,
        "Copies of the public facts of Facebook Pages stay. They are the business's, not yours.",
        "Of this request, only its dates, its code and a keyed digest are kept. They name nobody.",
    ]


def _page(title: str, paragraphs: list[str], status: int) -> Response:
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><h1>{escape(title)}</h1>{text}</html>'
    )
    headers = _PAGE_HEADERS | (RETRY_AFTER if status == 503 else {})
    return HTMLResponse(html, status, headers=headers)
