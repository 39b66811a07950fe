"""The items of a batch, and how one uses what another answered (Meta, "Batch requests").

An item with a `name` may be referred to by later ones: `{result=name:$.data[*].id}` in a path or a
parameter stands for values of its answer, `depends_on` only waits for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from fbsync.sandbox.answer import Answer
from fbsync.sandbox.call import Call, as_text, read_params, read_path
from fbsync.sandbox.graph_error import GraphError, bad_parameter

_RESULT = re.compile(r"\{result=([^:{}]+):\$([^{}]*)\}")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\*|[0-9]{1,6})\]")


@dataclass(frozen=True)
class Item:
    """`error` is what is wrong with the item itself."""

    call: Call
    name: str = ""
    omits_response: bool = True
    error: GraphError | None = None
    references: frozenset[str] = frozenset()


def read_item(item: dict[str, Any], batch: Call) -> Item:
    """An item without a token of its own uses the batch's, with the batch's proof."""
    try:
        address = urlsplit(str(item.get("relative_url", "")))
    except ValueError:
        broken = replace(batch, method="GET", path=(), params={})
        return Item(broken, error=bad_parameter("relative_url is no address"))
    version, path = read_path(address.path)
    sent = item.get("body")
    if isinstance(sent, dict):
        params = read_params(address.query, b"", "")
        params |= {name: as_text(value) for name, value in sent.items()}
    else:
        params = read_params(address.query, str(sent or "").encode(), "")
    token = params.pop("access_token", None)
    if token is None:
        token = batch.token
        for name in ("appsecret_proof", "appsecret_time"):
            if name in batch.params:
                params.setdefault(name, batch.params[name])
    method = str(item.get("method", "GET")).upper()
    call = Call(method, version or batch.version, path, params, token, batch.base_url)
    depends_on = str(item.get("depends_on") or "")
    texts = [*path, *params.values()]
    used = {found[1] for text in texts for found in _RESULT.finditer(text)}
    return Item(
        call,
        name=str(item.get("name") or ""),
        omits_response=item.get("omit_response_on_success") is not False,
        references=frozenset(used | {depends_on} - {""}),
    )


class Dependencies:
    """What the named items of one batch have answered so far."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._awaited = {name for item in items for name in item.references}
        self._answers: dict[str, Answer | None] = {}

    def completed(self, item: Item) -> Call | GraphError:
        """The item's call with the values that it refers to; an error where there are none."""
        if item.error is not None:
            return item.error
        for name in sorted(item.references):
            answer = self._answers.get(name)
            if answer is None or answer.status != 200:
                return GraphError(
                    f"The item depends on {name}, which did not succeed before it.",
                    100,
                    kind="GraphBatchException",
                )
        call = item.call
        path = tuple(self._filled(text) for text in call.path)
        params = {name: self._filled(text) for name, text in call.params.items()}
        return replace(call, path=path, params=params)

    def answered(self, item: Item, answer: Answer | None) -> None:
        """Keep an answer for those that follow."""
        if item.name:
            self._answers[item.name] = answer

    def leaves_out(self, item: Item, answer: Answer | None) -> bool:
        """Whether the body is null: it was only asked for by other items."""
        is_done = answer is not None and answer.status == 200
        return is_done and item.omits_response and item.name in self._awaited

    def _filled(self, text: str) -> str:
        return _RESULT.sub(self._value, text)

    def _value(self, found: re.Match[str]) -> str:
        answer = self._answers[found[1]]
        values = [answer.body if answer else None]
        for name, index in _STEP.findall(found[2]):
            values = [inner for value in values for inner in _step(value, name, index)]
        return ",".join(as_text(value) for value in values)


def _step(value: Any, name: str, index: str) -> list[Any]:
    """One step of a path: a member, one item, or all."""
    if name:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    return value if index == "*" else value[int(index) : int(index) + 1]
