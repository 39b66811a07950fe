"""What the endpoints under /_sandbox take and how they answer a mistake."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fbsync.sandbox.call import read_json


async def read_object(request: Request) -> dict[str, Any] | None:
    """The body's JSON object; None where it is none."""
    try:
        value = read_json(await request.body() or b"{}")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def mistake(text: str) -> Response:
    return JSONResponse({"error": text}, 400)


def no_page(page: str) -> Response:
    return JSONResponse({"error": f"there is no page {page}"}, 404)


def no_endpoint(request: Request) -> Response:
    """For a path or method that is none of ours."""
    said = (
        f"there is no {request.method} {request.scope['path']}; GET /_sandbox lists what there is"
    )
    return JSONResponse({"error": said}, 404)
