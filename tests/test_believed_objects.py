"""What the database believes to be in the store."""

from pathlib import Path

import pytest

from fbsync.database import believed_objects, stored_versions
from fbsync.database.believed_objects import BelievedObjects
from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.moving_pages import MovingPages
from fbsync.database.store_address import StoreAddress
from fbsync.database.stored_versions import keep_version
from fbsync.drift import Expected
from fbsync.page import PageId, canonical_json
from fbsync.ports import LastStored, etag_of, history_key, page_key

ONE, TEN, TWO = PageId("1"), PageId("10"), PageId("2")


def have(database: Database, page: PageId, number: int, *known: int) -> None:
    """The page is mirrored up to this version; of the `known` ones there is the content."""
    inbox = DatabaseInbox(database)
    inbox.mark([page], "sync")
    (claim,) = inbox.claim(1, [page])
    inbox.finish(claim, LastStored(number, "digest", fields(page)))
    with database.write() as connection:
        for version in known:
            keep_version(connection, page, version, f"etag {version}", b"{}")


def fields(page: PageId) -> dict[str, object]:
    return {"name": "Café ☕ \ud83d", "id": page}


def version(page: PageId, number: int, *, is_known: bool = True) -> Expected:
    return Expected(page, history_key(page, number), f"etag {number}" if is_known else None)


def itself(page: PageId) -> Expected:
    return Expected(page, page_key(page), etag_of(canonical_json(fields(page))))


def test_each_page_is_believed_with_all_its_versions_in_the_order_of_keys(
    database: Database,
) -> None:
    for page in (TWO, TEN, ONE):
        have(database, page, 2, 1, 2)
    found = list(BelievedObjects(database).entries())
    assert found == [
        entry
        for page in (ONE, TEN, TWO)
        for entry in (version(page, 1), version(page, 2), itself(page))
    ]
    assert [entry.key for entry in found] == sorted(entry.key for entry in found)


def test_versions_without_content_are_not_believed_in_another_store(database: Database) -> None:
    address = StoreAddress(database)
    address.move_to("old")
    have(database, ONE, 4, 2)
    address.move_to("new")
    assert list(BelievedObjects(database).entries()) == [itself(ONE)]
    have(database, ONE, 6, 6)
    MovingPages(database).arrived("new", [ONE])
    assert list(BelievedObjects(database).entries()) == [
        version(ONE, 2),
        version(ONE, 5, is_known=False),
        version(ONE, 6),
        itself(ONE),
    ]


def test_versions_without_content_are_believed_by_their_numbers(database: Database) -> None:
    have(database, ONE, 5, 2, 4)
    assert list(BelievedObjects(database).entries()) == [
        *(version(ONE, number, is_known=number in (2, 4)) for number in range(1, 6)),
        itself(ONE),
    ]


def test_a_page_that_is_not_mirrored_yet_is_not_believed_in(database: Database) -> None:
    DatabaseInbox(database).mark([ONE], "webhook")
    believed = BelievedObjects(database)
    assert list(believed.entries()) == []
    assert believed.count() == 0


def test_one_page_is_told_alone(database: Database) -> None:
    for page in (ONE, TEN, TWO):
        have(database, page, 1, 1)
    believed = BelievedObjects(database)
    assert list(believed.entries(TEN)) == [version(TEN, 1), itself(TEN)]
    assert list(believed.entries(PageId("3"))) == []
    assert (believed.count(), believed.count(TEN), believed.count(PageId("3"))) == (6, 2, 0)


def test_many_are_read_in_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(believed_objects, "_AT_ONCE", 3)
    monkeypatch.setattr(stored_versions, "_AT_ONCE", 2)
    ids = [PageId(str(number)) for number in range(1, 11)]
    for page in ids:
        have(database, page, 2, 1, 2)
    keys = [entry.key for entry in BelievedObjects(database).entries()]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == BelievedObjects(database).count() == 30


def test_a_page_that_is_stored_during_the_reading_is_told_by_its_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr(believed_objects, "_AT_ONCE", 1)
    monkeypatch.setattr(stored_versions, "_AT_ONCE", 1)
    have(database, ONE, 1, 1)
    have(database, PageId("3"), 1, 1)
    entries = BelievedObjects(database).entries()
    assert next(entries) == version(ONE, 1)
    have(database, ONE, 2, 2)  # its row was read before
    assert {entry.key for entry in entries} >= {history_key(ONE, 2), history_key(PageId("3"), 1)}
