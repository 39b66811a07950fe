"""The parameter `fields`: names, nesting and limits (Meta, "Field expansion")."""

import re
from typing import Any

from fbsync.sandbox.graph_error import bad_parameter

_PART = re.compile(r"([a-zA-Z0-9_]+)((?:\.[a-z_]+\([^()]*\))*)")

Selection = dict[str, "Selection | None"]
"""Each name with what is wanted inside it, None for all."""


def parse(text: str) -> Selection:
    """Raises GraphError (code 100) on what is not a list of fields."""
    selection, end = _parse_until(text, 0)
    if end != len(text):
        raise _syntax(text)
    return selection


def pick(value: Any, wanted: Selection | None) -> Any:
    """The part of a value that is wanted; a container such as `picture` is looked into."""
    if wanted is None:
        return value
    if isinstance(value, list):
        return [pick(item, wanted) for item in value]
    if isinstance(value, dict):
        if set(value) == {"data"}:
            return {"data": pick(value["data"], wanted)}
        return {name: pick(value[name], inside) for name, inside in wanted.items() if name in value}
    return value


def _parse_until(text: str, at: int) -> tuple[Selection, int]:
    selection: Selection = {}
    while at < len(text) and text[at] != "}":
        if text[at] in ", \n":
            at += 1
            continue
        part = _PART.match(text, at)
        if part is None:
            raise _syntax(text)
        at = part.end()
        inside = None
        if text[at : at + 1] == "{":
            inside, at = _parse_until(text, at + 1)
            if text[at : at + 1] != "}":
                raise _syntax(text)
            at += 1
        selection[part[1]] = inside
    return selection, at


def _syntax(text: str) -> Exception:
    return bad_parameter(f"Syntax error in the field list: {text[:60]}")
