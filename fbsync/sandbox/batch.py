"""Many calls in one (Meta, "Batch requests"); each item goes the way of a call of its own."""

from typing import Any

from fbsync.sandbox.answer import Answer
from fbsync.sandbox.batch_item import Dependencies, Item, read_item
from fbsync.sandbox.call import Call, read_json
from fbsync.sandbox.faults import BATCH, fault_answer
from fbsync.sandbox.graph_api import GraphApi, common_headers
from fbsync.sandbox.graph_error import GraphError, unknown_path
from fbsync.sandbox.tokens import check_proof, read_token
from fbsync.sandbox.usage import joined
from fbsync.sandbox.versions import answering_version
from fbsync.sandbox.world import World

MAX_ITEMS = 50


def answer_batch(world: World, api: GraphApi, call: Call) -> tuple[Answer, list[dict[str, Any]]]:
    """The list of the items' answers, and what each was, for the list of calls.

    The top-level token is a must, even if each item brings its own.
    """
    headers = common_headers(answering_version(call.version or world.switches.default_version))
    fault = world.take_fault(BATCH, is_batch=True)
    if fault is not None and fault.status:
        return fault_answer(fault, (BATCH,), headers), []
    try:
        if answering_version(call.version or world.switches.default_version) is None:
            raise unknown_path(call.name)
        read_token(world, call.token)
        check_proof(world, call.token, call.params)
        items = _read_items(call)
    except GraphError as error:
        return Answer(error.status, error.body(), headers), []
    dependencies = Dependencies(items)
    answers = []
    for item in items:
        answer = _answer_item(world, api, dependencies.completed(item))
        dependencies.answered(item, answer)
        answers.append(answer)
    told = [
        {"method": item.call.method, "path": item.call.name, "status": answer and answer.status}
        for item, answer in zip(items, answers, strict=True)
    ]
    with_headers = call.params.get("include_headers", "true").lower() not in ("false", "0")
    shown = [
        answer and _shown(answer, with_headers, is_left_out=dependencies.leaves_out(item, answer))
        for item, answer in zip(items, answers, strict=True)
    ]
    finished = [answer for answer in answers if answer]
    headers |= joined([answer.headers for answer in finished])
    delays = [answer.delay_seconds for answer in finished]
    delay = max(delays, default=0.0) + (fault.seconds if fault else 0.0)
    return Answer(200, shown, headers, delay_seconds=delay), told


def _read_items(call: Call) -> list[Item]:
    try:
        items = read_json(call.params["batch"])
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
    return [read_item(item, call) for item in items]


def _answer_item(world: World, api: GraphApi, call: Call | GraphError) -> Answer | None:
    """None: not finished in time, to be asked for again."""
    if isinstance(call, GraphError):
        return Answer(call.status, call.body(), common_headers(None))
    with world.lock:
        world.batch_items += 1
        every = world.switches.null_every
        if every and world.batch_items % every == 0:
            return None
    answer = api.answer(call)
    return None if answer.is_null else answer


def _shown(answer: Answer, with_headers: bool, *, is_left_out: bool) -> dict[str, Any]:
    body = None if is_left_out else answer.text
    shown: dict[str, Any] = {"code": answer.status, "body": body}
    if with_headers:
        shown["headers"] = [
            {"name": name, "value": value} for name, value in answer.headers.items()
        ]
    return shown
