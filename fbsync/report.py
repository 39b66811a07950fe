"""What the commands found, as lines, tables and JSON."""

import json
import re
from collections import Counter
from collections.abc import Sequence

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fbsync.change_report import changes_as_json, describe_changes
from fbsync.console import Console, clean_lines
from fbsync.errors import FbsyncError
from fbsync.grouped_reasons import grouped
from fbsync.page import PageVersion
from fbsync.refresh import Outcome
from fbsync.sync import Difference

_MAX_ROWS = 50
_WIDE_COLUMNS = 80
ATTENTION = frozenset({"put off", "parked"})
"""Outcomes that somebody should look at."""


class SyncReport:
    """Counts every page of a sync, and keeps those that are worth a row."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.notable: list[Outcome | Difference] = []
        self.refused: list[tuple[str, str]] = []
        self.refused_fields: Sequence[str] = ()

    def refuse(self, person: str, error: FbsyncError) -> None:
        """Keep why a person's list of pages could not be read."""
        self.refused.append((person, str(error)))

    def add(self, found: Outcome | Difference) -> None:
        """Count one page."""
        kind = _kind(found)
        self.counts[kind] += 1
        if kind not in ("unchanged", "settled elsewhere"):
            self.notable.append(found)

    @property
    def needs_attention(self) -> bool:
        """Whether some page could not be mirrored, or some person's list not be read."""
        return bool(self.refused) or any(self.counts[kind] for kind in ATTENTION)

    def as_json(self) -> dict[str, object]:
        """Counts over all pages, and an entry for each page that was not simply unchanged."""
        return {
            "ok": not self.needs_attention,
            "checked": self.counts.total(),
            "counts": {kind.replace(" ", "_"): count for kind, count in self.counts.items()},
            "pages": [_page_as_json(found) for found in self.notable],
            "refused_fields": list(self.refused_fields),
            "refused_logins": [{"name": name, "reason": reason} for name, reason in self.refused],
        }

    def show(self, console: Console) -> None:
        """A table of what happened, and one line of counts."""
        changed = [found for found in self.notable if _kind(found) not in ATTENTION]
        if changed:
            rows = [_row(found) for found in changed[:_MAX_ROWS]]
            console.table(("Page", "Name", "Outcome", "Details"), rows)
            if len(changed) > _MAX_ROWS:
                console.line("", f"… and {len(changed) - _MAX_ROWS} more; --json lists all")
        for kind in sorted(ATTENTION):
            troubled = [found for found in self.notable if _kind(found) == kind]
            reasons = [
                (str(f.page_id), outcome_details(f)) for f in troubled if isinstance(f, Outcome)
            ]
            for line in grouped(reasons):
                console.line(kind, line, "red")
        for person, reason in self.refused:
            said = " ".join(reason.split())
            console.line("refused", f"the list of pages of {person}: {said}", "red")
        if self.refused_fields:
            names = ", ".join(self.refused_fields)
            console.line("left out", f"page fields that Facebook refuses: {names}")
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        console.line(f"{self.counts.total()} pages", counts or "nothing to do")


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


def _kind(found: Outcome | Difference) -> str:
    return found.kind if isinstance(found, Outcome) else "would change"


def outcome_details(found: Outcome) -> str:
    """In one line: the version and what changed in it, or the reason and when it is tried again."""
    if found.version is not None:
        return f"version {found.version.number}  {_describe_version(found.version)}"
    reason = " ".join((found.reason or "").split())
    if found.retry_at is not None:
        return f"again at {found.retry_at:%H:%M:%S} UTC  {reason}"
    return reason


def _describe_version(version: PageVersion) -> str:
    if version.number == 1:
        return f"first copy, {len(version.snapshot.fields)} fields"
    return describe_changes(version.changes)


def _row(found: Outcome | Difference) -> tuple[str, str, str, str]:
    if isinstance(found, Difference):
        return found.page_id, found.name, "would change", describe_changes(found.changes)
    name = str(found.version.snapshot.fields.get("name", "")) if found.version else ""
    return found.page_id, name, found.kind, outcome_details(found)


def _page_as_json(found: Outcome | Difference) -> dict[str, object]:
    if isinstance(found, Difference):
        changes = changes_as_json(found.changes)
        return {"page_id": found.page_id, "outcome": "would_change", "changes": changes}
    entry: dict[str, object] = {
        "page_id": found.page_id,
        "outcome": found.kind.replace(" ", "_"),
        "reason": found.reason,
    }
    if found.version is not None:
        entry["version"] = found.version.number
        entry["changes"] = changes_as_json(found.version.changes)
    return entry
