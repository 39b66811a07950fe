"""What `fbsync sync` found, page by page: counted, shown in part, and as JSON in full.

Grows with the number of reasons and of people, not with that of pages.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fbsync.change_report import (
    changes_as_json,
    describe_changes,
    describe_list_change,
    list_change_as_json,
)
from fbsync.console import Console
from fbsync.errors import FbsyncError
from fbsync.grouped_reasons import Reasons
from fbsync.hallway.refresh import Outcome
from fbsync.outcome_report import ATTENTION, outcome_details
from fbsync.page import PageId
from fbsync.sync.difference import Difference
from fbsync.sync.missed_webhook import MissedWebhook
from fbsync.sync.spool import Spool
from fbsync.wording import counted

if TYPE_CHECKING:
    from fbsync.verification.report import DriftReport

_MAX_ROWS = 50


class SyncReport:
    """Counts every page. `entries` takes each page that is not simply unchanged, for the JSON.

    `drift` is what a verification of the store found before, if there was one.
    """

    def __init__(self, entries: Spool | None = None, drift: "DriftReport | None" = None) -> None:
        self.counts: Counter[str] = Counter()
        self.missed = 0
        """Changes that a webhook should have told first."""
        self.refused: list[tuple[str, str]] = []
        self.refused_fields: Sequence[str] = ()
        self._rows: list[tuple[str, str, str, str]] = []
        self._left_out = 0
        self._missed: dict[PageId, Sequence[str]] = {}  # of pages that are to be added yet
        self._troubled: defaultdict[str, Reasons] = defaultdict(Reasons)
        self._entries = entries
        self._drift = drift

    def refuse(self, person: str, error: FbsyncError) -> None:
        """Keep why a person's list of pages could not be read."""
        self.refused.append((person, str(error)))

    def miss(self, missed: MissedWebhook) -> None:
        """Keep that a webhook should have told this; the page itself is added after it."""
        self.missed += 1
        self._missed[missed.page_id] = missed.fields

    def add_unchanged(self, count: int) -> None:
        """Count pages that are as they are stored."""
        self.counts["unchanged"] += count

    def add(self, found: Outcome | Difference) -> None:
        """Count one page."""
        kind = _kind(found)
        self.counts[kind] += 1
        missed = self._missed.pop(found.page_id, ())
        if kind in ("unchanged", "settled elsewhere"):
            return
        if self._entries is not None:
            self._entries.add(_page_as_json(found, missed))
        if isinstance(found, Outcome) and kind in ATTENTION:
            self._troubled[kind].add(found.page_id, outcome_details(found))
        elif len(self._rows) < _MAX_ROWS:
            self._rows.append(_row(found, missed))
        else:
            self._left_out += 1

    @property
    def needs_attention(self) -> bool:
        """Whether a page could not be mirrored, a person's list not be read, or drift stays."""
        drifted = self._drift is not None and self._drift.needs_attention
        return drifted or bool(self.refused) or any(self.counts[kind] for kind in ATTENTION)

    @property
    def summary(self) -> str:
        """The counts in one line."""
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        return counts or "nothing to do"

    def how_far(self, total: int) -> str:
        """For a run that is ended early."""
        count = self.counts.total()
        pages = f"{count} of about {total} pages" if total > count else counted(count, "page")
        return f"Stopped after {pages}: {self.summary}."

    def as_json(self) -> dict[str, object]:
        """Counts over all pages; the pages themselves are `entries`."""
        return {
            "ok": not self.needs_attention,
            "checked": self.counts.total(),
            "counts": {kind.replace(" ", "_"): count for kind, count in self.counts.items()},
            "missed_webhooks": self.missed,
            "refused_fields": list(self.refused_fields),
            "refused_logins": [{"name": name, "reason": reason} for name, reason in self.refused],
            **({"verification": self._drift.as_json()} if self._drift else {}),
        }

    def show_json(self, console: Console) -> None:
        """One object on stdout, with an entry for each page that was not simply unchanged."""
        console.json_with_list(self.as_json(), "pages", self._entries or ())

    def show(self, console: Console) -> None:
        """A table of what happened, and one line of counts."""
        if self._rows:
            console.table(("Page", "Name", "Outcome", "Details"), self._rows)
        if self._left_out:
            console.line("", f"… and {self._left_out} more; --json lists all")
        for kind in sorted(self._troubled):
            for line in self._troubled[kind].lines():
                console.line(kind, line, "red")
        for person, reason in self.refused:
            said = " ".join(reason.split())
            console.line("refused", f"the list of pages of {person}: {said}", "red")
        if self.refused_fields:
            names = ", ".join(self.refused_fields)
            console.line("left out", f"page fields that Facebook refuses: {names}")
        if self.missed:
            console.line(
                "missed", f"{counted(self.missed, 'change')} that no webhook had told", "yellow"
            )
        console.line(counted(self.counts.total(), "page"), self.summary)


def _kind(found: Outcome | Difference) -> str:
    return found.kind if isinstance(found, Outcome) else "would change"


def _row(found: Outcome | Difference, missed: Sequence[str]) -> tuple[str, str, str, str]:
    if isinstance(found, Difference):
        told = (describe_changes(found.changes), describe_list_change(found.list_change))
        return found.page_id, found.name, "would change", "; ".join(filter(None, told))
    name = str(found.version.snapshot.fields.get("name", "")) if found.version else ""
    details = outcome_details(found)
    if missed:
        details += f"  (no webhook told: {', '.join(missed)})"
    return found.page_id, name, found.kind, details


def _page_as_json(found: Outcome | Difference, missed: Sequence[str]) -> dict[str, object]:
    if isinstance(found, Difference):
        changes = changes_as_json(found.changes)
        return {
            "page_id": found.page_id,
            "outcome": "would_change",
            "changes": changes,
            **list_change_as_json(found.list_change),
        }
    entry: dict[str, object] = {
        "page_id": found.page_id,
        "outcome": found.kind.replace(" ", "_"),
        "reason": found.reason,
    }
    if found.drift:
        entry["drift"] = list(found.drift)
    if found.version is not None:
        entry["version"] = found.version.number
        entry["changes"] = changes_as_json(found.version.changes)
        entry |= list_change_as_json(found.version.list_change)
        entry["missed_webhook"] = list(missed)
    return entry
