"""Dataclasses as plain JSON values and back, by their annotations."""

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints


def to_plain(value: Any) -> Any:
    """For JSON. A field whose metadata has `saved` false is left out."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = [each for each in fields(value) if each.metadata.get("saved", True)]
        return {each.name: to_plain(getattr(value, each.name)) for each in kept}
    if isinstance(value, dict):
        return {str(key): to_plain(inner) for key, inner in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(to_plain(inner) for inner in value)
    if isinstance(value, (list, tuple)):
        return [to_plain(inner) for inner in value]
    return value.hex() if isinstance(value, bytes) else value


def from_plain(kind: Any, value: Any) -> Any:
    """A value of this annotation.

    A field that is absent gets its default, so that an older file serves a newer program. Raises
    ValueError, TypeError, KeyError or AttributeError where the value does not fit.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, value)
    if origin in (Union, types.UnionType):
        inner = next(each for each in arguments if each is not types.NoneType)
        return None if value is None else from_plain(inner, value)
    if origin is dict:
        return {from_key(arguments[0], k): from_plain(arguments[1], v) for k, v in value.items()}
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(from_plain(*pair) for pair in zip(arguments, value, strict=True))
    if origin in (list, set, frozenset, tuple):
        return origin(from_plain(arguments[0], inner) for inner in value)
    if kind is bytes:
        return bytes.fromhex(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value


def from_key(kind: Any, key: str) -> Any:
    """JSON knows only texts as keys."""
    return int(key) if kind is int else key


def _dataclass(kind: type, value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    hints = get_type_hints(kind)
    given = {}
    for each in fields(kind):
        if not each.init or not each.metadata.get("saved", True):
            continue
        if each.name in value:
            given[each.name] = from_plain(hints[each.name], value[each.name])
        elif each.default is MISSING and each.default_factory is MISSING:
            raise KeyError(each.name)
    return kind(**given)
