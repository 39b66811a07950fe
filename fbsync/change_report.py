"""Changed fields, as people and programs get to see them."""

import json
from collections.abc import Sequence

from fbsync.field_list import ListChange
from fbsync.page import FieldChange
from fbsync.wording import first_of

_MAX_VALUE_CHARACTERS = 40


def describe_changes(changes: Sequence[FieldChange]) -> str:
    """Field by field in one line; long values are cut."""
    return "; ".join(
        f"{change.name}: {_short(change.before)} → {_short(change.after)}" for change in changes
    )


def describe_list_change(change: ListChange) -> str:
    """Which fields are asked for since and which no longer, in one line; "" for no change."""
    told = (("asked for since", change.added), ("no longer asked for", change.removed))
    return "; ".join(f"{what}: {first_of(fields)}" for what, fields in told if fields)


def list_change_as_json(change: ListChange) -> dict[str, object]:
    """As the documents of the history hold it."""
    return {
        "page_fields_added": list(change.added),
        "page_fields_removed": list(change.removed),
    }


def changes_as_json(changes: Sequence[FieldChange]) -> list[dict[str, object]]:
    """As the documents of the history hold them, with whole values."""
    return [
        {"field": change.name, "before": change.before, "after": change.after} for change in changes
    ]


def value_text(value: object, indent: int | None = None) -> str:
    """A value for people: texts as they are, anything else as JSON."""
    if value is None:
        return "(unset)"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _short(value: object) -> str:
    text = value_text(value)
    if len(text) > _MAX_VALUE_CHARACTERS:
        return text[: _MAX_VALUE_CHARACTERS - 1] + "…"
    return text
