"""One line of the log of a long-running command, as text for people or as JSON for programs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from fbsync.change_report import list_change_as_json
from fbsync.console import Console, clean_lines
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import Outcome
from fbsync.logs.format import LogFormat
from fbsync.notice import Notice
from fbsync.outcome_report import ATTENTION, outcome_details

Level = Literal["info", "warning", "error"]

_MAX_PAGES = 50
_STYLES = {"event": "cyan", "handshake": "cyan", "callback": "cyan", "stored": "green"}


@dataclass(frozen=True)
class LogLine:
    """`mark` stands before the text for people; a line without it is a sentence of its own.

    `details` are what a program wants to find: event, page, version, reason, status, seconds.
    """

    kind: str
    text: str
    level: Level = "info"
    mark: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def request_line(notice: Notice) -> LogLine:
    """A request to the listener."""
    details: dict[str, object] = {"status": notice.status} if notice.status else {}
    if notice.event is not None:
        details |= {"event": notice.event, "pages": list(notice.pages[:_MAX_PAGES])}
        details["page_count"] = len(notice.pages)
    if notice.seconds is not None:
        details["seconds"] = round(notice.seconds, 6)
    level: Level = "error" if notice.kind == "failed" else "info"
    if notice.kind == "refused":
        level = "warning"
    return LogLine(notice.kind, notice.detail, level, notice.kind, details)


def outcome_line(found: Outcome | FbsyncError) -> LogLine:
    """What the worker did with a page, or why it could not work at all."""
    if isinstance(found, FbsyncError):
        return LogLine("database", " ".join(str(found).splitlines()), "error", "database")
    text = f"page {found.page_id}  {outcome_details(found)}".rstrip()
    level: Level = "warning" if found.kind in ATTENTION or found.drift else "info"
    details: dict[str, object] = {
        "outcome": found.kind.replace(" ", "_"),
        "page": found.page_id,
        "event": found.event,
        "version": found.version.number if found.version else None,
        "changed": [change.name for change in found.version.changes] if found.version else None,
        "reason": found.reason,
        "drift": list(found.drift) or None,
        "retry_at": found.retry_at.isoformat(timespec="seconds") if found.retry_at else None,
    }
    if found.version and found.version.list_change:
        details |= list_change_as_json(found.version.list_change)
    told = {name: value for name, value in details.items() if value is not None}
    return LogLine("outcome", text, level, found.kind, told)


def count_line(kind: str, count: int) -> LogLine:
    """How many lines of a kind were left out; `kind` is as Log tells it to its limit."""
    name, _, more = kind.partition(" ")
    status = f"{more} " if name == "refused" else ""
    mark = more if name == "outcome" else name
    return LogLine(name, f"{status}and {count:,} more of these", "info", mark, {"left_out": count})


def formatter(chosen: LogFormat, console: Console) -> Callable[[datetime, LogLine], str]:
    """How a line and its time become text that ends with a line end. `console` knows of colour."""
    if chosen is LogFormat.JSON:
        return _as_json
    console.load()
    return lambda _, line: _as_text(console, line)


def warning_line(chosen: LogFormat) -> Callable[[str], str]:
    """How a warning of now becomes text, for whoever cannot wait for the log."""
    as_text = formatter(chosen, Console(quiet_results=True))
    return lambda text: as_text(datetime.now(UTC), LogLine("warning", text, "warning"))


def _as_json(at: datetime, line: LogLine) -> str:
    time = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = {"time": time, "level": line.level, "kind": line.kind, "message": line.text}
    # ASCII alone: no text from outside can then end a line, or hide in it.
    return json.dumps({**head, **line.details}) + "\n"


def _as_text(console: Console, line: LogLine) -> str:
    if line.kind != "error" and not line.mark:
        return f"{clean_lines(line.text)}\n"
    with console.messages.capture() as captured:
        if line.kind == "error":
            console.error(FbsyncError(line.text))
        else:
            style = "red" if line.level != "info" else _STYLES.get(line.mark, "")
            console.line(line.mark, line.text, style)
    return captured.get()
