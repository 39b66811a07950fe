"""How the list of fields that was asked for differs between two versions, read from a store."""

from pathlib import Path

import pytest

from fbsync.field_list import FieldList, ListChange
from fbsync.mirror import Mirror
from fbsync.page import PageSnapshot, PageVersion, Tombstone, changes_between
from fbsync.ports import history_key
from fbsync.store.directory import DirectoryStore
from tests.written_history import FIRST, PAGE

NARROW, WIDE = FieldList.of(["id", "name"]), FieldList.of(["id", "name", "phone"])
BAKERY: dict[str, object] = {"id": PAGE, "name": "Bakery"}


class History:
    """A store that versions of one page are added to, as the hallway writes them."""

    def __init__(self, folder: Path) -> None:
        self.store = DirectoryStore(folder, "facebook")
        self.mirror = Mirror(self.store)
        self._number = 0
        self._fields: dict[str, object] | None = None

    def add(
        self,
        fields: dict[str, object],
        asked: FieldList | None,
        last_asked: FieldList | None = None,
    ) -> None:
        """`last_asked`: with which list the page was last seen to be as before."""
        self._number += 1
        now = PageSnapshot(PAGE, fields, FIRST, "v26.0", asked=asked)
        listed = ListChange.between(last_asked, asked)
        changes = changes_between(self._fields, fields, listed.names)
        version = PageVersion(PAGE, self._number, now, changes, "sync", listed)
        self.store.create(history_key(PAGE, self._number), version.document)
        self._fields = fields

    def bury(self) -> None:
        self._number += 1
        stone = Tombstone(PAGE, self._number, FIRST, "Gone.", "sync")
        self.store.create(history_key(PAGE, self._number), stone.document)

    def told(self, *numbers: int) -> tuple[ListChange, list[str]]:
        """The list's change, and the names of the changed fields."""
        found = self.mirror.differences(PAGE, *numbers)
        return found.list_change, [change.name for change in found.changes]


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


def test_what_only_one_of_the_lists_has_is_no_change(history: History) -> None:
    history.add(BAKERY, NARROW)
    history.add({**BAKERY, "name": "Butcher", "phone": "1"}, WIDE, NARROW)
    assert history.told() == (ListChange(added=("phone",)), ["name"])
    assert history.told(2, 1) == (ListChange(removed=("phone",)), ["name"])


def test_a_field_that_was_asked_for_and_unset_really_changes(history: History) -> None:
    history.add(BAKERY, NARROW)
    # The wide list came meanwhile, and brought nothing new.
    history.add({**BAKERY, "phone": "1"}, WIDE, WIDE)
    assert history.told() == (ListChange(), ["phone"])
    history.add({**BAKERY, "phone": "2"}, WIDE, WIDE)
    assert history.told(1, 3) == (ListChange(), ["phone"])
    assert history.told(3, 1) == (ListChange(), ["phone"])


def test_the_lists_of_two_versions_far_apart_are_compared(history: History) -> None:
    history.add(BAKERY, NARROW)
    history.bury()
    history.add({**BAKERY, "phone": "1"}, WIDE, NARROW)
    history.add({**BAKERY, "name": "Butcher", "phone": "1"}, WIDE, WIDE)
    history.bury()
    assert history.told(1, 5) == (ListChange(added=("phone",)), ["name"])
    history.add({**BAKERY, "name": "Butcher"}, NARROW, WIDE)
    assert history.told(2, 6) == (ListChange(), ["name"])
    assert history.told(5, 6) == (ListChange(removed=("phone",)), [])


def test_a_damaged_version_between_them_does_not_hide_the_others(history: History) -> None:
    history.add(BAKERY, NARROW)
    history.add({**BAKERY, "name": "Butcher"}, NARROW, NARROW)
    history.add({**BAKERY, "phone": "1"}, WIDE, NARROW)
    history.store.put(history_key(PAGE, 2), b"cut")
    assert history.told(1, 3) == (ListChange(added=("phone",)), [])


def test_versions_from_before_the_lists_were_told_are_compared_as_they_are(
    history: History,
) -> None:
    history.add({**BAKERY, "phone": "1"}, None)
    history.add(BAKERY, None)
    history.add({**BAKERY, "name": "Butcher", "phone": "2"}, WIDE)
    assert history.told(1, 2) == (ListChange(), ["phone"])
    assert history.told(2, 3) == (ListChange(), ["name", "phone"])
    assert history.told(1, 3) == (ListChange(), ["name", "phone"])
