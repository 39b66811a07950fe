"""One line for what became of a page."""

from datetime import UTC, datetime

import pytest

from fbsync.field_list import ListChange
from fbsync.hallway.refresh import Outcome
from fbsync.outcome_report import outcome_details
from fbsync.page import FieldChange, PageId, PageSnapshot, PageVersion

ONE = PageId("1")
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SNAPSHOT = PageSnapshot(ONE, {"id": "1", "name": "New"}, AT, "v26.0")
FIRST = PageVersion(ONE, 1, SNAPSHOT, (), "first")
CHANGE = (FieldChange("name", "Old", "New"),)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Outcome(ONE, "stored", FIRST), "version 1  first copy, 2 fields"),
        (
            Outcome(ONE, "stored", PageVersion(ONE, 2, SNAPSHOT, CHANGE, "sync")),
            "version 2  name: Old → New",
        ),
        (
            Outcome(
                ONE,
                "stored",
                PageVersion(ONE, 2, SNAPSHOT, CHANGE, "sync", ListChange(("about",), ())),
                drift=("a", "b"),
            ),
            "version 2  name: Old → New; asked for since: about  (mended: a; b)",
        ),
        (
            Outcome(ONE, "put off", reason="It is slow.\nTry later.", retry_at=AT),
            "again at 12:00:00 UTC  It is slow. Try later.",
        ),
        (Outcome(ONE, "parked", reason="No access.\nLog in."), "No access. Log in."),
        (Outcome(ONE, "unchanged"), ""),
    ],
)
def test_an_outcome_is_one_line(found: Outcome, told: str) -> None:
    assert outcome_details(found) == told
