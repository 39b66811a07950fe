"""The differences of two versions, field by field: side by side where the terminal has room."""

import re
from collections.abc import Iterable
from datetime import UTC
from difflib import SequenceMatcher

from rich.table import Table
from rich.text import Text

from fbsync.change_report import (
    changes_as_json,
    describe_list_change,
    list_change_as_json,
    value_text,
)
from fbsync.console import Console, clean, clean_lines
from fbsync.differences import Differences
from fbsync.history_report import brief, noticed_at, version_as_json
from fbsync.page import FieldChange, PageVersion, Tombstone

_WIDE_COLUMNS = 100
_MAX_WORDS = 4000  # of a value; comparing takes the square of it
_OF_BOTH = {"changes", "page_fields_added", "page_fields_removed"}
_BEFORE, _AFTER = "red", "green"


def show_differences(console: Console, page: str, found: Differences) -> None:
    """What changed, with the words that did standing out; then one line of counts."""
    for version in (found.before, found.after):
        if isinstance(version, Tombstone):
            text = f"inaccessible: {brief(version.reason)} (the copy before it counts)"
            console.line(f"version {version.number}", text, "red")
    if console.results.is_terminal and console.results.width >= _WIDE_COLUMNS and found.changes:
        console.results.print(_side_by_side(found))
    else:
        _one_under_the_other(console, found)
    if found.list_change:
        console.line("fields", describe_list_change(found.list_change))
    count = len(found.changes)
    said = f"{count} field{'' if count == 1 else 's'} changed" if count else "no field changed"
    span = f"from version {found.before.number} to {found.after.number}"
    console.line("", f"page {page}: {said} {span}")


def differences_as_json(page: str, found: Differences) -> dict[str, object]:
    """Both versions, without the changes of their own, and what changed between them."""
    return {
        "page_id": page,
        "before": _end_as_json(found.before),
        "after": _end_as_json(found.after),
        "changes": changes_as_json(found.changes),
        **list_change_as_json(found.list_change),
    }


def _end_as_json(version: PageVersion | Tombstone) -> dict[str, object]:
    told = version_as_json(version).items()
    return {name: value for name, value in told if name not in _OF_BOTH}


def _side_by_side(found: Differences) -> Table:
    table = Table(header_style="bold", expand=True, show_lines=True)
    table.add_column("Field", no_wrap=True)
    table.add_column(_title(found.before), ratio=1, overflow="fold")
    table.add_column(_title(found.after), ratio=1, overflow="fold")
    for change in found.changes:
        table.add_row(Text(clean(change.name), "bold"), *_marked(change))
    return table


def _one_under_the_other(console: Console, found: Differences) -> None:
    console.results.print(Text(f"--- {_title(found.before)}", _BEFORE), soft_wrap=True)
    console.results.print(Text(f"+++ {_title(found.after)}", _AFTER), soft_wrap=True)
    for change in found.changes:
        before, after = _marked(change)
        console.results.print(Text(clean(change.name), "bold"), soft_wrap=True)
        for sign, style, text in (("- ", _BEFORE, before), ("+ ", _AFTER, after)):
            for line in _lines(console, text):
                console.results.print(Text.assemble((sign, style), line), soft_wrap=True)


def _lines(console: Console, text: Text) -> Iterable[Text]:
    """Wrapped on a terminal alone: lines are for grep too."""
    if not console.results.is_terminal:
        return text.split("\n")
    return text.wrap(console.results, console.results.width - 2, overflow="fold")


def _title(version: PageVersion | Tombstone) -> str:
    return f"version {version.number}, {noticed_at(version).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _marked(change: FieldChange) -> tuple[Text, Text]:
    """Both values, with the words that differ in bold."""
    before, after = (
        clean_lines(value_text(value, indent=2)) for value in (change.before, change.after)
    )
    if change.before is None or change.after is None:
        return Text(before, _BEFORE), Text(after, _AFTER)
    old, new = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (before, after))
    if len(old) > _MAX_WORDS or len(new) > _MAX_WORDS:
        return Text(before, _BEFORE), Text(after, _AFTER)
    left, right = Text(), Text()
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        left.append("".join(old[a:b]), "" if kind == "equal" else f"bold {_BEFORE}")
        right.append("".join(new[c:d]), "" if kind == "equal" else f"bold {_AFTER}")
    return left, right
