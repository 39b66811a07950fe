"""The sandbox as one application: dialog, Graph API, /_sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, request_response

from fbsync.sandbox import dialog, manual
from fbsync.sandbox.answer import Answer
from fbsync.sandbox.batch import answer_batch
from fbsync.sandbox.call import Call, read_basic, read_bearer, read_params, read_path
from fbsync.sandbox.control_body import no_endpoint
from fbsync.sandbox.deliveries import Deliveries
from fbsync.sandbox.graph_api import GraphApi
from fbsync.sandbox.person_callbacks import PersonCallbacks
from fbsync.sandbox.tester import tester_routes
from fbsync.sandbox.world import World

Save = Callable[[World], None]
"""Keeps a changed world."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def build_app(world: World, save: Save = lambda world: None) -> Starlette:
    """The whole sandbox as an ASGI application; it sends deliveries while its lifespan lasts.

    `save` is called after each change, before it is answered, and at the end.
    """
    deliveries = Deliveries(world, lambda: save(world))
    person_callbacks = PersonCallbacks(world)
    api = GraphApi(world, deliveries.tell_of, person_callbacks.tell_removed)
    routes = tester_routes(world, deliveries, person_callbacks)

    async def graph(request: Request) -> Response:
        # A thread, as a subscription waits for the callback's handshake.
        answer = await run_in_threadpool(_answer, world, api, await _read_call(request), save)
        await asyncio.sleep(answer.delay_seconds)
        return Response(answer.text, answer.status, answer.headers, answer.media_type)

    async def log_in(request: Request) -> Response:
        answer = await _dialog(world, request)
        await run_in_threadpool(save, world)
        return answer

    return Starlette(
        lifespan=lambda _: _sending(deliveries, person_callbacks, lambda: save(world)),
        exception_handlers={ClientDisconnect: _gone},
        routes=[
            Route("/_sandbox", manual.endpoint(routes)),
            *(_saving(route, world, save) for route in routes),
            Mount("/_sandbox", app=request_response(no_endpoint)),
            Route("/dialog/oauth", log_in, methods=["GET", "POST"]),
            Route("/{version}/dialog/oauth", log_in, methods=["GET", "POST"]),
            Mount("", app=request_response(graph)),  # any method at all
        ],
    )


async def _gone(_: Request, _error: Exception) -> Response:
    """A client that left before its request was complete: nobody reads this answer."""
    return Response(status_code=400)


@asynccontextmanager
async def _sending(
    deliveries: Deliveries, person_callbacks: PersonCallbacks, at_the_end: Callable[[], None]
) -> AsyncIterator[None]:
    """Both send as long as the application runs."""
    await deliveries.start()
    await person_callbacks.start()
    yield
    await person_callbacks.stop()
    await deliveries.stop()
    at_the_end()


def _saving(route: Route, world: World, save: Save) -> Route:
    """The route of a tester's call; what it changes is saved before it is answered."""
    if not route.methods or route.methods & _READS:
        return route

    async def endpoint(request: Request) -> Response:
        answer: Response = await route.endpoint(request)
        await run_in_threadpool(save, world)
        return answer

    return Route(route.path, endpoint, methods=list(route.methods))


async def _read_call(request: Request) -> Call:
    version, path = read_path(request.scope["path"])
    content_type = request.headers.get("content-type", "")
    query = request.scope["query_string"].decode("latin-1")
    params = read_params(query, await request.body(), content_type)
    authorization = request.headers.get("authorization", "")
    token = params.pop("access_token", None)
    token = read_bearer(authorization) or token
    params = read_basic(authorization) | params
    base_url = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    return Call(request.method, version, path, params, token, base_url)


def _answer(world: World, api: GraphApi, call: Call, save: Save) -> Answer:
    told: dict[str, object] = {"method": call.method, "path": call.name}
    changes = _changes(call.method, call.name)
    if "batch" in call.params and call.method == "POST":
        answer, items = answer_batch(world, api, call)
        told |= {"status": answer.status, "batch": items}
        changes = any(_changes(item["method"], item["path"]) for item in items)
    else:
        answer = api.answer(call)
        told["status"] = answer.status
    world.calls.append(told)
    if changes:
        save(world)
    return answer


def _changes(method: str, path: str) -> bool:
    """Whether such a call may change the world: a login too, though it is a GET."""
    return method not in _READS or path.startswith("oauth/")


async def _dialog(world: World, request: Request) -> Response:
    form = parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    params = dict(request.query_params)
    try:
        asked = dialog.check_request(world, params)
    except dialog.DialogError as error:
        return HTMLResponse(dialog.show_error(str(error)), 400)
    except ValueError:  # such as "http://["
        return HTMLResponse(dialog.show_error("redirect_uri is no address."), 400)
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
