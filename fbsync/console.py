"""The terminal: results on stdout, messages on stderr, and no control characters from outside.

Colour appears only on a terminal and never under NO_COLOR; Rich sees to both. It is loaded when
something is shown in its way: a command with --json in a pipe does without.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from fbsync.checklist import State, Step
from fbsync.errors import FbsyncError
from fbsync.standard_error import error_is_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console as RichConsole
    from rich.text import Text

# C0 and C1 controls could drive the terminal; bidirectional marks could disguise a text, and other
# line ends forge a line; half a surrogate pair cannot be written at all.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MARKS: dict[State, tuple[str, str]] = {
    "done": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "skipped": ("–", "yellow"),
    "warning": ("!", "bold yellow"),
}


def clean(text: object) -> str:
    """The text with control characters replaced: page names come from outside."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text))


class Console:
    """Both streams. With `quiet_results`, lines of results go to stderr, since stdout is JSON's."""

    def __init__(self, *, quiet_results: bool = False) -> None:
        self._quiet_results = quiet_results

    @cached_property
    def messages(self) -> RichConsole:
        """For stderr."""
        from rich.console import Console as RichConsole

        return RichConsole(stderr=True, highlight=False)

    @cached_property
    def results(self) -> RichConsole:
        """For stdout, or wherever results go."""
        from rich.console import Console as RichConsole

        return self.messages if self._quiet_results else RichConsole(highlight=False)

    def load(self) -> None:
        """Load Rich now, for a process that may have no file left to open when it tells of that."""
        list(self.messages.render(_text("")))

    def say(self, message: str) -> None:
        """A message for the operator, on stderr."""
        text = clean_lines(message)
        # Rich puts it above a progress bar, and knows what to do without any stderr.
        if "messages" in vars(self) or sys.stderr is None or error_is_terminal():
            self._print(self.messages, _text(text))
        else:
            sys.stderr.write(f"{text}\n")

    def line(self, mark: str, text: str, style: str = "") -> None:
        """One line of a result: a short mark and a text."""
        head = f"{mark:<9} " if mark else ""
        self._print(self.results, _text((head, style), clean(text)))

    def step(self, step: Step) -> None:
        """One line of a checklist; the details of a failure may take more lines."""
        mark, style = _MARKS[step.state]
        first, *more = step.detail.splitlines() or [""]
        head = f"{step.state:<8}{clean(step.name):<24}"
        self._print(self.results, _text((f"{mark} ", style), head, clean(first)))
        for line in more:
            self._print(self.results, _text(" " * 34 + clean(line)))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table of results; a terminal's width folds all but the first column.

        That one names the row. Where no terminal is, each row is one line, for grep too.
        """
        if not self.results.is_terminal:
            self._aligned([columns, *([clean(cell) for cell in row] for row in rows)])
            return
        from rich.table import Table

        table = Table(header_style="bold", box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, no_wrap=column == columns[0], overflow="fold")
        for row in rows:
            table.add_row(*(_text(clean(cell)) for cell in row))
        self.results.print(table)

    def _aligned(self, rows: Sequence[Sequence[str]]) -> None:
        from rich.cells import cell_len

        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            pairs = zip(row, widths, strict=True)
            cells = [cell + " " * (width - cell_len(cell)) for cell, width in pairs]
            self._print(self.results, _text("  ".join(cells).rstrip()))

    def document(self, text: str) -> None:
        """A JSON document on a terminal, coloured, its lines as they are."""
        from rich.highlighter import JSONHighlighter

        shown = _text(clean_lines(text))
        JSONHighlighter().highlight(shown)
        self._print(self.results, shown)

    @staticmethod
    def json(value: object) -> None:
        """The one JSON object of a command with --json, on stdout.

        ASCII alone: no text from outside can then drive the terminal, or hide in it.
        """
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
        sys.stdout.flush()

    @staticmethod
    def json_with_list(head: Mapping[str, object], name: str, entries: Iterable[object]) -> None:
        """As `json`, for an object with a list that may be too long for the memory."""
        out = sys.stdout
        out.write(json.dumps(head, indent=2).removesuffix("\n}"))
        out.write(f',\n  "{name}": [')
        between = "\n    "
        for entry in entries:
            out.write(between + json.dumps(entry))
            between = ",\n    "
        out.write("]\n}\n" if between == "\n    " else "\n  ]\n}\n")
        out.flush()

    def error(self, error: FbsyncError) -> None:
        """What happened, why, and what to do next."""
        self._print(self.messages, _text(("Error: ", "bold red"), clean_lines(str(error))))

    @staticmethod
    def _print(stream: RichConsole, text: Text) -> None:
        # Never wrapped: lines are for grep too, and a broken address cannot be clicked.
        stream.print(text, soft_wrap=True)


def clean_lines(text: str) -> str:
    """As `clean`, keeping line ends."""
    return "\n".join(clean(line) for line in text.splitlines())


def _text(*parts: str | tuple[str, str]) -> Text:
    """Texts, some with a style, one after another."""
    from rich.text import Text

    return Text.assemble(*parts)
