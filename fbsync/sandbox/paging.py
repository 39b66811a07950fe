"""Paging by cursors (Meta, "Paginated results"): `limit`, `after`, `before`, `summary`."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Any
from urllib.parse import urlencode

from fbsync.sandbox.call import Call, read_number
from fbsync.sandbox.graph_error import GraphError, bad_parameter

_DEFAULT_LIMIT, _MAX_LIMIT = 25, 100
_PLACES = ("after", "before")
_AGAIN = "ZZZ"  # at the end of the cursor that an empty part gives


def window(call: Call, count: int) -> tuple[int, int]:
    """Which of `count` items the call asks for: first, and one past the last."""
    params = call.params
    limit = read_number(params.get("limit") or str(_DEFAULT_LIMIT))
    if limit is None or limit < 1:
        raise bad_parameter("Param limit must be a positive number")
    limit = min(limit, _MAX_LIMIT)
    if params.get("after"):
        start = _position(params["after"]) + 1
        if start > count:
            raise GraphError(
                "(#100) The After Cursor specified exceeds the max limit supported by this"
                " endpoint",
                100,
            )
        return start, min(start + limit, count)
    if params.get("before"):
        end = min(_position(params["before"]), count)
        return max(0, end - limit), end
    return 0, min(limit, count)


def part(call: Call, data: list[Any], start: int, end: int, count: int) -> dict[str, Any]:
    """The answer with these items, which stand from `start` to `end` of `count`."""
    answer: dict[str, Any] = {"data": data}
    if data:
        answer["paging"] = _paging(_cursor(start), _cursor(end - 1))
        if end < count:
            answer["paging"]["next"] = _address(call, after=_cursor(end - 1))
        if start > 0:
            answer["paging"]["previous"] = _address(call, before=_cursor(start))
    if call.params.get("summary", "").lower() in ("true", "1", "total_count"):
        answer["summary"] = {"total_count": count}
    return answer


def empty_part(call: Call) -> dict[str, Any]:
    """Allowed by the contract: an empty part is not the end while there is a `next`."""
    after = call.params.get("after", "")
    answer: dict[str, Any] = {"data": [], "paging": _paging(after, after + _AGAIN)}
    answer["paging"]["next"] = _address(call, after=after + _AGAIN)
    return answer


def may_be_empty(call: Call) -> bool:
    """Whether the call asks for a later part, and not for what follows an empty one."""
    after = call.params.get("after", "")
    return bool(after) and not after.endswith(_AGAIN)


def paged(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """An edge's whole list as the part that the call asks for."""
    items = answer["data"]
    start, end = window(call, len(items))
    shown = part(call, items[start:end], start, end, len(items))
    return answer | shown


def _paging(before: str, after: str) -> dict[str, Any]:
    return {"cursors": {"before": before, "after": after}}


def _address(call: Call, **place: str) -> str:
    """Absolute, and it holds the token, as Meta's does."""
    kept = {name: value for name, value in call.params.items() if name not in _PLACES}
    kept |= {"access_token": call.token or "", "pretty": "0"} | place
    return f"{call.base_url}/{call.version}/{call.name}?{urlencode(kept)}"


def _cursor(index: int) -> str:
    return urlsafe_b64encode(f"sandbox:{index}".encode()).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        cursor = cursor.removesuffix(_AGAIN)
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (Base64Error, ValueError):
        text = ""
    index = read_number(text.removeprefix("sandbox:"))
    if index is None:
        raise bad_parameter("Invalid cursor provided to paging")
    return index
