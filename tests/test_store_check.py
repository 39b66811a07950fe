"""What the store really holds: mended, followed, or refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fbsync.errors import StoreUnavailable
from fbsync.hallway.store_check import StoreCheck
from fbsync.page import PageId, PageSnapshot, PageVersion, canonical_json
from fbsync.ports import LastStored, history_key, page_key
from fbsync.store.directory import DirectoryStore
from tests.hallway import FETCHED, ONE

FIELDS = {"id": "1", "name": "Bäckerei", "fan_count": 3}
SNAPSHOT = PageSnapshot(ONE, FIELDS, FETCHED, "v26.0")
DOCUMENTS = {n: PageVersion(ONE, n, SNAPSHOT, (), "sync").document for n in (2, 3)}
SURE, IN_DOUBT = LastStored(2, SNAPSHOT.digest, FIELDS), LastStored(2, None, FIELDS)
ALTERED = DOCUMENTS[2].replace("Bäckerei".encode(), b"Metzger")
KEYS = (history_key(ONE, 2), page_key(ONE))


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """Page and newest version as recorded."""
    made = DirectoryStore(tmp_path, "facebook")
    made.put(KEYS[0], DOCUMENTS[2])
    made.put(KEYS[1], canonical_json(FIELDS))
    return made


def known(_page: PageId, number: int) -> bytes | None:
    return DOCUMENTS[number]


def unknown(_page: PageId, _number: int) -> bytes | None:
    return None


def check(
    store: DirectoryStore, last: LastStored, document: Callable[[PageId, int], bytes | None]
) -> tuple[LastStored, tuple[str, ...]]:
    return StoreCheck(store, document).look(ONE, last, lambda: None)


def test_a_store_as_recorded_is_left_as_it_is(store: DirectoryStore) -> None:
    assert check(store, SURE, known) == (SURE, ())


@pytest.mark.parametrize("key", KEYS)
def test_an_object_that_was_altered_is_named_and_mended(store: DirectoryStore, key: str) -> None:
    before = store.get(key)
    store.put(key, b"{}")
    assert check(store, SURE, known) == (SURE, (f"{key} was altered",))
    assert store.get(key) == before


def test_an_empty_store_is_filled_again(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "facebook")
    assert check(store, SURE, known)[1] == tuple(f"{key} was missing" for key in KEYS)
    assert (store.get(KEYS[0]), store.get(KEYS[1])) == (DOCUMENTS[2], canonical_json(FIELDS))


def test_a_process_looks_at_a_page_once(store: DirectoryStore) -> None:
    checking = StoreCheck(store, known)
    checking.look(ONE, SURE, lambda: None)
    store.put(KEYS[1], b"{}")
    assert checking.look(ONE, SURE, lambda: None) == (SURE, ())


def test_the_bytes_of_an_older_schema_are_taken_from_the_store(store: DirectoryStore) -> None:
    last, drift = check(store, SURE, unknown)
    assert (last.documents, drift) == ({2: DOCUMENTS[2]}, ())


def test_in_doubt_a_later_version_is_found(store: DirectoryStore) -> None:
    store.put(history_key(ONE, 3), DOCUMENTS[3])
    last, drift = check(store, IN_DOUBT, unknown)
    assert (last.number, last.digest, last.documents, drift) == (3, SNAPSHOT.digest, DOCUMENTS, ())


@pytest.mark.parametrize("body", [b"not JSON", ALTERED])
def test_in_doubt_an_altered_version_is_mended(store: DirectoryStore, body: bytes) -> None:
    store.put(KEYS[0], body)
    last, drift = check(store, IN_DOUBT, known)
    assert (last.digest, drift) == (SNAPSHOT.digest, (f"{KEYS[0]} was altered",))
    assert (last.documents, store.get(KEYS[0])) == ({2: DOCUMENTS[2]}, DOCUMENTS[2])


def test_in_doubt_a_missing_version_is_written_again(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "facebook" / KEYS[0]).unlink()
    assert check(store, IN_DOUBT, known)[1] == (f"{KEYS[0]} was missing",)
    assert store.get(KEYS[0]) == DOCUMENTS[2]


def test_in_doubt_the_store_is_believed_where_the_database_knows_no_bytes(
    store: DirectoryStore,
) -> None:
    store.put(KEYS[0], ALTERED)
    last, drift = check(store, IN_DOUBT, unknown)
    assert (last.fields["name"], last.documents, drift) == ("Metzger", {2: ALTERED}, ())


@pytest.mark.parametrize("body", [b"not JSON", b"[]", DOCUMENTS[2]])
def test_what_is_no_version_of_ours_is_refused_and_left_alone(
    store: DirectoryStore, body: bytes
) -> None:
    store.put(history_key(ONE, 3), body)
    with pytest.raises(StoreUnavailable, match="Move that object away"):
        check(store, IN_DOUBT, unknown)
    assert store.get(history_key(ONE, 3)) == body


def test_a_version_that_is_neither_created_nor_there_is_no_endless_try(
    store: DirectoryStore,
) -> None:
    with pytest.raises(StoreUnavailable, match="who else writes there"):
        StoreCheck(store, unknown).newer(ONE, SURE)
