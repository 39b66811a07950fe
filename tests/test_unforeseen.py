"""An exception that nobody foresaw: one line, a 500, and no value of ours."""

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fbsync.listener import Notice
from fbsync.unforeseen import UnforeseenErrors, describe
from tests.servers import serving


async def fail(_: Request) -> Response:
    raise KeyError("a secret")


async def succeed(_: Request) -> Response:
    return PlainTextResponse("done")


def test_it_is_answered_with_500_and_told_by_its_type_and_place() -> None:
    told: list[Notice] = []
    routes = [Route("/fail", fail), Route("/succeed", succeed)]
    middleware = [Middleware(UnforeseenErrors, report=told.append)]
    with serving(Starlette(routes=routes, middleware=middleware)) as url:
        answer = httpx.get(f"{url}/fail", trust_env=False)
        assert httpx.get(f"{url}/succeed", trust_env=False).text == "done"
        assert httpx.get(f"{url}/nowhere", trust_env=False).status_code == 404
    assert (answer.status_code, answer.json()["status"]) == (500, "error")
    (notice,) = told
    assert (notice.kind, notice.status) == ("failed", 500)
    assert notice.detail.startswith("500 KeyError at test_unforeseen.py:")
    assert "secret" not in notice.detail + answer.text


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert describe(ValueError("a secret")) == "ValueError at an unknown place"
