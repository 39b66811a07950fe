"""Which changes a webhook should have told."""

from datetime import UTC, datetime

import pytest

from fbsync.hallway.refresh import Outcome
from fbsync.page import FieldChange, NoticedBy, PageId, PageSnapshot, PageVersion
from fbsync.sync.missed_webhook import MissedWebhook, missed_by

ONE = PageId("1")
WANTED = ("name", "email")
SNAPSHOT = PageSnapshot(ONE, {"id": "1"}, datetime(2026, 3, 1, tzinfo=UTC), "v26.0")


def outcome(*names: str, number: int = 2, noticed_by: NoticedBy = "sync") -> Outcome:
    changes = tuple(FieldChange(name, None, "new") for name in names)
    return Outcome(ONE, "stored", PageVersion(ONE, number, SNAPSHOT, changes, noticed_by))


@pytest.mark.parametrize(
    ("found", "fields"),
    [
        (outcome("name"), ("name",)),
        (outcome("about", "name"), ("name",)),
        (outcome("emails"), ("emails",)),  # its webhook is called email
        (outcome("about"), None),  # no webhook tells it
        (outcome("category"), None),  # its webhook is not wanted
        (outcome("name", noticed_by="webhook"), None),
        (outcome("name", number=1), None),
        (Outcome(ONE, "unchanged"), None),
    ],
)
def test_a_change_is_missed_where_a_wanted_webhook_exists_and_a_poll_came_first(
    found: Outcome, fields: tuple[str, ...] | None
) -> None:
    expected = None if fields is None else MissedWebhook(ONE, 2, fields)
    assert missed_by(found, WANTED) == expected
