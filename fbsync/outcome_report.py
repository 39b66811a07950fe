"""What became of a page, as one line."""

from fbsync.change_report import describe_changes, describe_list_change
from fbsync.hallway.refresh import Outcome
from fbsync.page import PageVersion
from fbsync.wording import counted

ATTENTION = frozenset({"put off", "parked"})
"""Outcomes that somebody should look at."""


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
