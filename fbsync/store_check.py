"""Whether the store holds what the database says of a page, where that is in doubt."""

import json

from fbsync.page import PageId, canonical_json
from fbsync.ports import LastStored, ObjectStore, history_key, page_key


def is_intact(store: ObjectStore, page: PageId, last: LastStored) -> bool:
    """Whether the page and its newest version are there as recorded, and no version after it.

    A worker that died between its writes and its finish may have left others. Raises
    StoreUnavailable.
    """
    if store.get(page_key(page)) != canonical_json(last.fields):
        return False
    newest = store.get(history_key(page, last.number))
    if newest is None or _snapshot(newest) != last.fields:
        return False
    return store.get(history_key(page, last.number + 1)) is None


def _snapshot(version: bytes) -> object:
    try:
        return json.loads(version)["snapshot"]
    except (ValueError, KeyError, TypeError):
        return None  # somebody else's bytes
