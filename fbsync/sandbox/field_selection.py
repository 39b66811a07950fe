"""The parameter `fields`: names, nesting and limits (Meta, "Field expansion")."""

import re
from typing import Any

from fbsync.sandbox.call import read_list, read_number
from fbsync.sandbox.graph_error import bad_parameter

_PART = re.compile(r"([a-zA-Z0-9_]+)((?:\.[a-z_]+\([^()]*\))*)")
_ARGUMENT = re.compile(r"\.([a-z_]+)\(([^()]*)\)")
_MAX_DEPTH = 20


class Selection(dict[str, "Selection | None"]):
    """Each name with what is wanted inside it, None for all.

    `text` is what it was read from; `arguments` are those of the field that it belongs to, such as
    the limit in `accounts.limit(2){name}`. Empty, it wants all.
    """

    text = ""
    arguments: dict[str, str] = {}


def parse(text: str) -> Selection:
    """Separated by commas, or a JSON array. Raises GraphError (code 100) on what is neither."""
    if text.lstrip().startswith("["):
        text = ",".join(read_list(text))
    selection, end = _parse_until(text, 0, 0)
    if end != len(text):
        raise _syntax(text)
    return selection


def pick(value: Any, wanted: Selection | None) -> Any:
    """The part of a value that is wanted; a container such as `picture` is looked into."""
    if wanted is None:
        return value
    if isinstance(value, list):
        limit = read_number(wanted.arguments.get("limit", ""))
        return [pick(item, wanted) for item in value[:limit]]
    if isinstance(value, dict) and wanted:
        if set(value) == {"data"}:
            return {"data": pick(value["data"], wanted)}
        return {name: pick(value[name], inside) for name, inside in wanted.items() if name in value}
    return value


def _parse_until(text: str, at: int, depth: int) -> tuple[Selection, int]:
    selection, start = Selection(), at
    while at < len(text) and text[at] != "}":
        if text[at] in ", \n":
            at += 1
            continue
        part = _PART.match(text, at)
        if part is None or depth > _MAX_DEPTH:
            raise _syntax(text)
        at = part.end()
        inside = None
        if text[at : at + 1] == "{":
            inside, at = _parse_until(text, at + 1, depth + 1)
            if text[at : at + 1] != "}":
                raise _syntax(text)
            at += 1
        if part[2]:
            inside = Selection() if inside is None else inside
            inside.arguments = dict(_ARGUMENT.findall(part[2]))
        selection[part[1]] = inside
    selection.text = text[start:at]
    return selection, at


def _syntax(text: str) -> Exception:
    return bad_parameter(f"Syntax error in the field list: {text[:60]}")
