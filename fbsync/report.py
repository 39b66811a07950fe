"""What the commands found, as lines, tables and JSON."""

import json
import re
from collections.abc import Sequence

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fbsync.change_report import describe_changes, describe_list_change
from fbsync.console import Console, clean_lines
from fbsync.hallway.refresh import Outcome
from fbsync.page import PageVersion
from fbsync.wording import counted

_WIDE_COLUMNS = 80
ATTENTION = frozenset({"put off", "parked"})
"""Outcomes that somebody should look at."""


def show_documents(console: Console, page: tuple[str, bytes], entry: tuple[str, bytes]) -> None:
    """A page and its newest history entry, each as (title, JSON), side by side if there is room.

    What changed stands out. The entry's snapshot repeats the page, so that part is left out.
    """
    version = json.loads(entry[1])
    version["snapshot"] = "… the whole page …"
    changed = [change["field"] for change in version["changes"]]
    left = _document(page[0], page[1].decode(), changed)
    short = json.dumps(version, ensure_ascii=False, indent=2)
    right = _document(entry[0], short, ["after", "before"])
    if console.results.width < _WIDE_COLUMNS:
        console.results.print(left, right)
        return
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(left, right)
    console.results.print(grid)


def _document(title: str, text: str, changed: Sequence[str]) -> Panel:
    shown = Text(clean_lines(text))
    for name in changed:
        # Only the line of the name: a value may go on over several.
        shown.highlight_regex(rf'(?m)^ +"{re.escape(name)}": .*$', "bold green")
    return Panel(shown, title=title)


def outcome_details(found: Outcome) -> str:
    """In one line: the version and what changed in it, or the reason and when it is tried again."""
    mended = f"  (mended: {'; '.join(found.drift)})" if found.drift else ""
    if found.version is not None:
        return f"version {found.version.number}  {_describe_version(found.version)}{mended}"
    reason = " ".join((found.reason or "").split()) + mended
    if found.retry_at is not None:
        return f"again at {found.retry_at:%H:%M:%S} UTC  {reason}"
    return reason


def _describe_version(version: PageVersion) -> str:
    if version.number == 1:
        return f"first copy, {counted(len(version.snapshot.fields), 'field')}"
    told = (describe_changes(version.changes), describe_list_change(version.list_change))
    return "; ".join(filter(None, told))
