"""Many calls in one (Meta, "Batch requests"); each item goes the way of a call of its own."""

import json
from typing import Any
from urllib.parse import urlsplit

from fbsync.sandbox.call import Call, read_params, read_path
from fbsync.sandbox.graph_api import Answer, GraphApi
from fbsync.sandbox.graph_error import GraphError
from fbsync.sandbox.tokens import check_proof, read_token
from fbsync.sandbox.world import World

MAX_ITEMS = 50


def answer_batch(world: World, api: GraphApi, call: Call) -> tuple[Answer, list[dict[str, Any]]]:
    """The list of the items' answers, and what each was, for the list of calls.

    The top-level token is a must, even if each item brings its own.
    """
    try:
        read_token(world, call.token)
        check_proof(world, call.token, call.params)
        items = _read_items(call.params["batch"])
    except GraphError as error:
        return Answer(error.status, error.body(), {"facebook-api-version": "v26.0"}), []
    calls = [_item_call(item, call) for item in items]
    answers = [_answer_item(world, api, item) for item in calls]
    with_headers = call.params.get("include_headers", "true").lower() != "false"
    shown = [answer and _shown(answer, with_headers) for answer in answers]
    told = [
        {"method": item.method, "path": item.name, "status": answer.status if answer else None}
        for item, answer in zip(calls, answers, strict=True)
    ]
    version = call.version or world.switches.default_version
    return Answer(200, shown, {"facebook-api-version": version}), told


def _read_items(text: str) -> list[dict[str, Any]]:
    try:
        items = json.loads(text)
    except ValueError:
        items = None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise GraphError("(#100) Param batch must be an array", 100)
    if len(items) > MAX_ITEMS:
        raise GraphError(
            f"Too many requests in batch message. Maximum batch size is {MAX_ITEMS}",
            100,
            kind="GraphBatchException",
        )
    return items


def _item_call(item: dict[str, Any], call: Call) -> Call:
    """An item without a token of its own uses the batch's, with the batch's proof."""
    address = urlsplit(str(item.get("relative_url", "")))
    version, path = read_path(address.path)
    params = read_params(address.query, str(item.get("body") or "").encode(), "")
    token = params.pop("access_token", None)
    if token is None:
        token = call.token
        for name in ("appsecret_proof", "appsecret_time"):
            if name in call.params:
                params.setdefault(name, call.params[name])
    method = str(item.get("method", "GET")).upper()
    return Call(method, version or call.version, path, params, token, call.base_url)


def _answer_item(world: World, api: GraphApi, item: Call) -> Answer | None:
    """None: not finished in time, to be asked for again."""
    answer = api.answer(item)
    return None if answer.body is None else answer


def _shown(answer: Answer, with_headers: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": answer.status, "body": answer.text}
    if with_headers:
        shown["headers"] = [
            {"name": name, "value": value} for name, value in answer.headers.items()
        ]
    return shown
