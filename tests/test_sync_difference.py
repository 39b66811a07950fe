"""What a dry run shows of a page."""

from datetime import UTC, datetime

from fbsync.field_list import FieldList, ListChange
from fbsync.page import FieldChange, PageId, PageSnapshot
from fbsync.ports import LastStored
from fbsync.sync.difference import Difference, difference

ONE = PageId("1")
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NEW = {"id": "1", "name": "New", "about": "Bread"}


def test_a_page_beside_its_newest_version() -> None:
    asked = FieldList.of(["id", "name"])
    last = LastStored(3, "digest", {"id": "1", "name": "Old"}, asked=asked)
    now = PageSnapshot(ONE, NEW, AT, "v26.0", asked=FieldList.of(["id", "name", "about"]))
    assert difference(last, now) == Difference(
        ONE, "New", (FieldChange("name", "Old", "New"),), ListChange(("about",), ())
    )


def test_a_page_without_a_version_changes_from_nothing() -> None:
    found = difference(None, PageSnapshot(ONE, {"id": "1"}, AT, "v26.0"))
    assert found == Difference(ONE, "", (FieldChange("id", None, "1"),))
