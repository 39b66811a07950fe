"""A page's document beside its newest history entry, for people."""

import json
import re
from collections.abc import Sequence

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fbsync.console import Console, clean_lines

_WIDE_COLUMNS = 80


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
