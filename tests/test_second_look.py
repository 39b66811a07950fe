"""One object beside what the database says now."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fbsync.errors import StoreUnavailable
from fbsync.page import PageId
from fbsync.ports import LastStored, history_key, page_key
from fbsync.store.directory import DirectoryStore
from fbsync.verification.second_look import Plan, SecondLook
from tests.drifting import suspicion

ONE = PageId("1")
LAST = LastStored(2, "digest", {"id": "1", "name": "Bakery"})
PAGE = b'{\n  "id": "1",\n  "name": "Bakery"\n}\n'
SECOND = b"the second version"
FIRST_KEY, SECOND_KEY, THIRD_KEY = (history_key(ONE, number) for number in (1, 2, 3))


class Shelf:
    """A store, and a database that knows the content of version 2, and of 1 the number alone."""

    def __init__(self, folder: Path) -> None:
        self.store = DirectoryStore(folder, "")
        self.store.put(FIRST_KEY, b"the first version")
        self.store.put(SECOND_KEY, SECOND)
        self.store.put(page_key(ONE), PAGE)
        self._second_look = SecondLook(self.store, lambda page, number: {2: SECOND}.get(number))
        self._folder = folder

    def look(
        self, key: str, last: LastStored | None = LAST, *, is_parked: bool = False
    ) -> Plan | None:
        return self._second_look.look(suspicion(key), last, is_parked=is_parked)

    def remove(self, key: str) -> None:
        (self._folder / key).unlink()

    def told(self, key: str, *, is_parked: bool = False) -> tuple[str, str, bytes | None] | None:
        plan = self.look(key, is_parked=is_parked)
        return (plan.drift.problem, plan.drift.remedy, plan.body) if plan else None


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "store")


@pytest.mark.parametrize("key", [FIRST_KEY, SECOND_KEY, THIRD_KEY, page_key(ONE)])
def test_what_is_in_order_by_now_is_no_drift(shelf: Shelf, key: str) -> None:
    assert shelf.look(key) is None


@pytest.mark.parametrize(("key", "body"), [(SECOND_KEY, SECOND), (page_key(ONE), PAGE)])
def test_what_is_known_is_put_again(shelf: Shelf, key: str, body: bytes) -> None:
    shelf.store.put(key, body.swapcase())
    assert shelf.told(key) == ("altered", "repaired", body)
    shelf.store.put(key, body + b"more")
    assert shelf.told(key) == ("altered", "repaired", body)
    shelf.store.put(key, body[:3])
    assert shelf.told(key) == ("truncated", "repaired", body)
    shelf.remove(key)
    assert shelf.told(key) == ("missing", "repaired", body)


def test_a_version_that_is_known_by_number_alone_cannot_be_repaired(shelf: Shelf) -> None:
    shelf.store.put(FIRST_KEY, b"anything")
    assert shelf.look(FIRST_KEY) is None
    shelf.remove(FIRST_KEY)
    plan = shelf.look(FIRST_KEY)
    assert plan is not None
    assert (plan.drift.problem, plan.drift.remedy, plan.body) == ("missing", "not repaired", None)
    assert "Restore the object from a backup" in str(plan.drift.reason)


@pytest.mark.parametrize("key", [THIRD_KEY, page_key(ONE)])
def test_what_a_dead_worker_wrote_is_left_to_the_next_one(shelf: Shelf, key: str) -> None:
    shelf.store.put(THIRD_KEY, b"the third version")
    shelf.store.put(page_key(ONE), b"the page, with the many words of the third version")
    problem = "unknown" if key == THIRD_KEY else "altered"
    assert shelf.told(key) == (problem, "read again", None)
    assert shelf.told(key, is_parked=True) == (problem, "left alone", None)


def test_a_page_that_is_as_it_should_be_needs_no_look_for_a_newer_version(shelf: Shelf) -> None:
    shelf.store.put(THIRD_KEY, b"the third version")
    assert shelf.look(page_key(ONE)) is None


@pytest.mark.parametrize(
    "key", [history_key(ONE, 4), "1/history/3.json", "1/notes.txt", "1/page_data.json/notes.txt"]
)
def test_what_no_worker_of_ours_can_have_written_there_is_left_alone(
    tmp_path: Path, shelf: Shelf, key: str
) -> None:
    if key.endswith("json"):
        shelf.store.put(key, b"somebody's")
    assert shelf.told(key) == ("unknown", "left alone", None)


def test_a_version_after_the_next_one_is_of_a_worker_where_the_next_one_is_there(
    shelf: Shelf,
) -> None:
    shelf.store.put(history_key(ONE, 3), b"the third version")
    shelf.store.put(history_key(ONE, 4), b"the fourth version")
    assert shelf.told(history_key(ONE, 4)) == ("unknown", "read again", None)


def test_of_a_page_that_was_never_finished_the_first_version_may_be_there(shelf: Shelf) -> None:
    for key in (FIRST_KEY, page_key(ONE)):
        plan = shelf.look(key, None)
        assert plan is not None
        assert (plan.drift.problem, plan.drift.remedy) == ("unknown", "read again")
    shelf.remove(FIRST_KEY)
    plan = shelf.look(page_key(ONE), None)
    assert plan is not None
    assert (plan.drift.problem, plan.drift.remedy) == ("unknown", "left alone")


def test_a_store_that_does_not_answer_says_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(key: str) -> None:
        raise StoreUnavailable("It is gone.")

    look: Callable[[str], Plan | None] = shelf.look
    monkeypatch.setattr(shelf.store, "head", fail)
    with pytest.raises(StoreUnavailable):
        look(SECOND_KEY)
