"""What the Graph API answers: bodies, and the items of a batch (Meta, "Batch requests")."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from fbsync.errors import FbsyncError, GraphUnavailable
from fbsync.graph.errors import error_from
from fbsync.graph.usage import Usage, read_usage

_UNFINISHED = "Facebook did not finish the read in time.\nTry again later."


@dataclass(frozen=True)
class Answer:
    """A successful answer's JSON object, and the Graph API version that really answered."""

    data: dict[str, Any]
    version: str

    @property
    def items(self) -> list[dict[str, Any]]:
        """The objects of a list answer, such as an edge's."""
        data = self.data.get("data")
        return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []

    def next_cursor(self, used: Collection[str]) -> str | None:
        """Where a list goes on; None at its end. `used` are the cursors that were asked for.

        A part may be short or empty and still have a next one; only the absence of `next` ends the
        list. The next part is asked for by its cursor, as `next` itself holds the token (Meta,
        "Paginated results"). Raises GraphUnavailable where the cursor leads nowhere.
        """
        paging = self.data.get("paging")
        if not isinstance(paging, dict) or "next" not in paging:
            return None
        cursors = paging.get("cursors")
        after = cursors.get("after") if isinstance(cursors, dict) else None
        if not isinstance(after, str) or after in used:
            raise GraphUnavailable("Facebook's list of pages does not go on.\nTry again later.")
        return after


def read_item(item: object, version: str, caller: str = "") -> tuple[Answer | FbsyncError, Usage]:
    """One item of a batch's answer, and what its headers tell; null is one left unfinished.

    `caller` is the id of the page or person whose token was used.
    """
    if item is None:
        return GraphUnavailable(_UNFINISHED), Usage()
    if not isinstance(item, dict) or not isinstance(item.get("code"), int):
        return error_from(None, 200), Usage()
    data, usage = as_object(decoded(item.get("body"))), read_usage(_headers_of(item), caller)
    if item["code"] != 200 or not isinstance(data, dict) or "error" in data:
        return error_from(data, item["code"], usage), usage
    return Answer(data, version), usage


def _headers_of(item: Mapping[str, object]) -> dict[str, str]:
    """An item's headers, which come as a list of {name, value}."""
    headers = item.get("headers")
    return {
        str(header.get("name", "")).lower(): str(header.get("value", ""))
        for header in (headers if isinstance(headers, list) else ())
        if isinstance(header, dict)
    }


def as_object(value: object) -> object:
    """A bare `true`, as some edges answer (Meta, "Page subscribed apps"), as the usual object."""
    return {"success": True} if value is True else value


def decoded(body: object) -> object:
    """The JSON value of a body, None where it is none."""
    if not isinstance(body, (str, bytes)):
        return None
    try:
        return orjson.loads(body)
    except (
        ValueError
    ):  # for no JSON, but also for half a surrogate pair, and bytes that are no UTF-8
        text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        return _without_halves(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _without_halves(value: object) -> object:
    """Without halves of surrogate pairs, which neither UTF-8 nor a database can hold.

    Most values have none: an emoji is a whole pair.
    """
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode(errors="replace"))
    return value
