"""The versions that are known to be in the store, on SQLite and on PostgreSQL."""

import pytest

from fbsync.database.engine import Database
from fbsync.database.stored_versions import StoredVersion, StoredVersions, keep_version
from fbsync.page import PageId
from fbsync.ports import history_key

ONE, TWO, TEN = PageId("1"), PageId("2"), PageId("10")


def keep(database: Database, *versions: tuple[PageId, int]) -> None:
    with database.write() as connection:
        for page, number in versions:
            keep_version(connection, page, number, f"etag {page} {number}", b"the bytes " * 90)


def test_a_version_that_was_never_kept_is_not_known(database: Database) -> None:
    kept = StoredVersions(database)
    assert (kept.document(ONE, 1), kept.etag(ONE, 1), list(kept.entries())) == (None, None, [])


def test_the_bytes_of_a_version_come_back_as_they_were(database: Database) -> None:
    keep(database, (ONE, 1))
    kept = StoredVersions(database)
    assert kept.document(ONE, 1) == b"the bytes " * 90
    assert kept.etag(ONE, 1) == "etag 1 1"
    assert kept.document(ONE, 2) is None


def test_a_version_may_be_noted_again(database: Database) -> None:
    keep(database, (ONE, 1))
    with database.write() as connection:
        keep_version(connection, ONE, 1, "another", b"other bytes")
    assert StoredVersions(database).document(ONE, 1) == b"other bytes"
    assert list(StoredVersions(database).entries()) == [StoredVersion(ONE, 1, "another")]


def test_what_is_noted_goes_with_its_transaction(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as connection:
        keep_version(connection, ONE, 1, "etag", b"bytes")
        raise RuntimeError
    assert list(StoredVersions(database).entries()) == []


def test_all_come_in_the_order_of_their_keys_part_by_part(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.database.stored_versions._AT_ONCE", 2)
    versions = [(page, number) for page in (TWO, TEN, ONE) for number in (2, 1, 10)]
    keep(database, *versions)
    found = [(entry.page_id, entry.number) for entry in StoredVersions(database).entries()]
    assert found == sorted(versions, key=lambda version: history_key(*version))
