"""Whether the store holds what the database says."""

import json
from pathlib import Path

import pytest

from fbsync.page import canonical_json
from fbsync.ports import LastStored, history_key, page_key
from fbsync.store.directory import DirectoryStore
from fbsync.store_check import is_intact
from tests.hallway import ONE

FIELDS = {"id": "1", "name": "Bäckerei", "fan_count": 3}
LAST = LastStored(2, None, FIELDS)
VERSION = canonical_json({"number": 2, "snapshot": FIELDS})
OTHER = canonical_json({"number": 2, "snapshot": {"id": "1", "name": "Other"}})


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """Page and newest version as recorded."""
    made = DirectoryStore(tmp_path, "facebook")
    made.put(history_key(ONE, 2), VERSION)
    made.put(page_key(ONE), canonical_json(FIELDS))
    return made


def test_a_store_as_recorded_is_intact(store: DirectoryStore) -> None:
    assert json.loads(store.get(page_key(ONE)) or b"") == FIELDS
    assert is_intact(store, ONE, LAST)


@pytest.mark.parametrize(
    ("key", "body"),
    [
        (page_key(ONE), canonical_json({"id": "1", "name": "Other"})),
        (page_key(ONE), b""),
        (history_key(ONE, 2), OTHER),
        (history_key(ONE, 2), b"not JSON"),
        (history_key(ONE, 2), b"[]"),
        (history_key(ONE, 3), VERSION),
    ],
)
def test_other_bytes_and_a_later_version_are_noticed(
    store: DirectoryStore, key: str, body: bytes
) -> None:
    store.put(key, body)
    assert not is_intact(store, ONE, LAST)


def test_an_empty_store_holds_nothing(tmp_path: Path) -> None:
    assert not is_intact(DirectoryStore(tmp_path, "facebook"), ONE, LAST)
