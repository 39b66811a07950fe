"""The sandbox on a port: dialog, Graph API, /_sandbox; and its process."""

import secrets
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from fbsync.sandbox import dialog
from fbsync.sandbox.batch import answer_batch
from fbsync.sandbox.call import Call, read_params, read_path
from fbsync.sandbox.control import Control
from fbsync.sandbox.deliveries import Deliveries
from fbsync.sandbox.graph_api import Answer, GraphApi
from fbsync.sandbox.login_control import LoginControl
from fbsync.sandbox.world import World


def build_app(world: World) -> Starlette:
    """The whole sandbox as an ASGI application; it sends deliveries while its lifespan lasts."""
    deliveries = Deliveries(world)
    api = GraphApi(world, deliveries.tell_of)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await deliveries.start()
        yield
        await deliveries.stop()

    async def graph(request: Request) -> Response:
        call = await _read_call(request)
        # A thread, as a subscription waits for the callback's handshake.
        answer = await run_in_threadpool(_answer, world, api, call)
        kind = "text/html" if answer.body is None else "application/json; charset=UTF-8"
        return Response(answer.text, answer.status, answer.headers, kind)

    async def log_in(request: Request) -> Response:
        return await _dialog(world, request)

    return Starlette(
        lifespan=lifespan,
        routes=[
            *LoginControl(world).routes(),
            *Control(world, deliveries).routes(),
            Route("/dialog/oauth", log_in, methods=["GET", "POST"]),
            Route("/{version}/dialog/oauth", log_in, methods=["GET", "POST"]),
            Route("/{path:path}", graph, methods=["GET", "POST", "DELETE"]),
        ],
    )


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8090,
    pages: int = 3,
    auto_consent: bool = False,
    app_id: str | None = None,
    app_secret: str | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; port 0 takes a free one.

    Once it listens, the settings that another terminal needs are printed to stdout, the verify
    token last. A given app secret is not printed. Raises OSError where the port is taken.
    """
    world = World(page_count=pages, auto_consent=auto_consent)
    world.app_id = app_id or world.app_id
    world.app_secret = app_secret or world.app_secret
    with socket.create_server((host, port), family=_family(host), backlog=2048) as listening:
        base = _base_url(listening)

        def print_settings() -> None:
            for line in _settings(world, base, secret_is_known=app_secret is not None):
                print(line, flush=True)

        Server(build_app(world), print_settings).run([listening])


class Server(uvicorn.Server):
    """uvicorn that tells when it is up, and whose graceful stop by a signal ends with status 0."""

    def __init__(self, app: Starlette, started: Callable[[], None]) -> None:
        # Without its log, as addresses may hold tokens here.
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; then call `started`."""
        await super().startup(sockets)
        self._started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal once more at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield


async def _read_call(request: Request) -> Call:
    version, path = read_path(request.url.path)
    content_type = request.headers.get("content-type", "")
    params = read_params(request.url.query, await request.body(), content_type)
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    in_params = params.pop("access_token", None)
    token = bearer.strip() if scheme.lower() == "bearer" else in_params
    base_url = f"{request.url.scheme}://{request.url.netloc}"
    return Call(request.method, version, path, params, token, base_url)


def _answer(world: World, api: GraphApi, call: Call) -> Answer:
    told: dict[str, object] = {"method": call.method, "path": call.name}
    if "batch" in call.params and call.method == "POST":
        answer, items = answer_batch(world, api, call)
        told |= {"status": answer.status, "batch": items}
    else:
        answer = api.answer(call)
        told["status"] = answer.status
    world.calls.append(told)
    return answer


async def _dialog(world: World, request: Request) -> Response:
    form = parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    params = dict(request.query_params)
    try:
        asked = dialog.check_request(world, params)
    except dialog.DialogError as error:
        return HTMLResponse(dialog.show_error(str(error)), 400)
    answer = dict(form)
    if request.method == "GET" and not world.auto_consent:
        return HTMLResponse(dialog.show(world, params, asked))
    if answer.get("action") == "cancel":
        return RedirectResponse(dialog.cancel(params), 302)
    # A client that sends no boxes at all takes everything; a person's form always says `shown`.
    granted, pages = asked, None
    if "shown" in answer:
        granted = frozenset(value for name, value in form if name == "grant")
        if "all_pages" not in answer:
            pages = frozenset(value for name, value in form if name == "page")
    return RedirectResponse(dialog.consent(world, params, asked, granted, pages), 302)


def _settings(world: World, base: str, *, secret_is_known: bool) -> Iterator[str]:
    yield "# Settings for another terminal (or a .env file there):"
    yield f"FACEBOOK_APP_ID={world.app_id}"
    if secret_is_known:
        yield "# FACEBOOK_APP_SECRET: the one in your environment"
    else:
        yield f"FACEBOOK_APP_SECRET={world.app_secret}"
    yield f"FACEBOOK_GRAPH_URL={base}"
    yield f"FACEBOOK_DIALOG_URL={base}"
    yield "FACEBOOK_REDIRECT_URI=http://localhost:5000/facebook/callback"
    yield "FACEBOOK_WEBHOOK_ADDRESS=http://127.0.0.1:5000/facebook/webhook"
    yield f"FACEBOOK_VERIFY_TOKEN={secrets.token_hex(16)}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _base_url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
