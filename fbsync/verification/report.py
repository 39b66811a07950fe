"""What `fbsync sync --verify` found in the store, as lines, a table and JSON."""

from collections import Counter

from fbsync.console import Console
from fbsync.drift import Drift, Remedy
from fbsync.wording import counted

_MAX_ROWS = 50
_ATTENTION: frozenset[Remedy] = frozenset({"not repaired", "left alone", "named"})


class DriftReport:
    """Counts every object, and keeps those that are not as the database says.

    Without `keeps_all` it keeps no more of them than are shown.
    """

    def __init__(self, *, keeps_all: bool) -> None:
        self.objects = 0
        self.list_requests = 0
        self.problems: Counter[str] = Counter()
        self.remedies: Counter[str] = Counter()
        self.reasons: Counter[tuple[Remedy, str]] = Counter()
        self._keeps_all = keeps_all
        self._kept: list[Drift] = []

    def count(self) -> None:
        """Count an object that is listed."""
        self.objects += 1

    def add(self, drift: Drift) -> None:
        """Keep an object that is not as the database says."""
        self.problems[drift.problem] += 1
        self.remedies[drift.remedy] += 1
        if drift.reason and len(self.reasons) < _MAX_ROWS:
            self.reasons[drift.remedy, drift.reason] += 1
        if self._keeps_all or len(self._kept) < _MAX_ROWS:
            self._kept.append(drift)

    @property
    def needs_attention(self) -> bool:
        """Whether something is left that neither this run nor a worker mends."""
        return any(self.remedies[remedy] for remedy in _ATTENTION)

    def as_json(self) -> dict[str, object]:
        """Counts, and an entry for each object that is not as the database says."""
        return {
            "ok": not self.needs_attention,
            "objects": self.objects,
            "list_requests": self.list_requests,
            "problems": dict(self.problems),
            "remedies": {remedy.replace(" ", "_"): n for remedy, n in self.remedies.items()},
            "drift": [_as_json(drift) for drift in self._kept],
        }

    def show(self, console: Console) -> None:
        """A table of what was found, each reason once, and one line of counts."""
        if self._kept:
            rows = [(drift.key, drift.problem, drift.remedy) for drift in self._kept[:_MAX_ROWS]]
            console.table(("Object", "Problem", "Outcome"), rows)
        more = self.problems.total() - _MAX_ROWS
        if more > 0:
            console.line("", f"… and {more} more; --json lists all")
        for (remedy, reason), count in self.reasons.items():
            style = "red" if remedy in _ATTENTION else ""
            console.line(remedy, f"{counted(count, 'object')}: {' '.join(reason.split())}", style)
        console.line("verified", f"{counted(self.objects, 'object')} in the store: {self.summary}")

    @property
    def summary(self) -> str:
        """The counts in one line."""
        if not self.problems:
            return "all as the database says"
        return f"{_counts(self.problems)}; {_counts(self.remedies)}"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(counter.items()))


def _as_json(drift: Drift) -> dict[str, object]:
    return {
        "page_id": drift.page_id,
        "key": drift.key,
        "problem": drift.problem,
        "remedy": drift.remedy.replace(" ", "_"),
        "reason": drift.reason,
    }
