"""The inbox's rows, to and from the values of ports."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from fbsync.field_list import FieldList
from fbsync.page import PageId
from fbsync.ports import Claim, LastStored, PageState

_CHUNK = 1000  # ids in one statement: SQLite takes 32,766 variables, older builds 999


def chunks(page_ids: Collection[PageId]) -> list[list[PageId]]:
    """The ids in order, in parts that fit into one statement."""
    ordered = sorted(page_ids)
    return [ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK)]


def storable(text: str) -> str:
    """Without what a database refuses in a text: NUL, and a lone surrogate of somebody's JSON."""
    return text.replace("\0", "").encode(errors="replace").decode()


def claim_of(row: Any, lease: str) -> Claim:
    """A row of `pages`, with ASKED_FIELDS, as a claim under this lease."""
    return Claim(
        page_id=PageId(row.page_id),
        marks=row.marks,
        lease=lease,
        attempts=row.attempts,
        noticed_by=row.noticed_by if row.stored_number else "first",
        # A lease that is still there was a dead worker's.
        last=_last_stored(row, trusted=row.lease is None),
        event=row.event,
    )


def _last_stored(row: Any, *, trusted: bool = True) -> LastStored | None:
    if not row.stored_number:
        return None
    trusted = trusted and row.suspect <= row.done
    return LastStored(
        number=row.stored_number,
        digest=row.stored_digest if trusted else None,
        fields=json.loads(row.stored_fields),
        asked=FieldList.parse(row.asked_fields) if row.asked_fields else None,
    )


def stored_values(stored: LastStored, now: float) -> dict[str, Any]:
    """The columns of the newest version."""
    return {
        "stored_number": stored.number,
        "stored_digest": stored.digest,
        "stored_fields": json.dumps(stored.fields),
        "asked": stored.asked.key if stored.asked else None,
        "stored_at": now,
    }


def state_of(row: Any) -> PageState:
    """A row of `pages`, with ASKED_FIELDS, as the state of the page."""
    return PageState(
        page_id=PageId(row.page_id),
        marks=row.marks,
        done=row.done,
        leased_until=moment(row.leased_until),
        due_at=moment(row.due_at),
        reason=row.reason,
        parked=row.parked_at is not None,
        last=_last_stored(row),
        stored_at=moment(row.stored_at),
        last_event_at=moment(row.last_event_at),
    )


def moment(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time; None for none and for 0."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
