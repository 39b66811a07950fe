"""Where the store and the database disagree: two streams in the order of their keys, compared.

Neither is the truth of one moment, as workers write meanwhile. So a difference is a suspicion only;
repair.py looks again before it counts as drift.
"""

import heapq
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fbsync.page import PageId, page_id
from fbsync.ports import StoredObject, etag_of, history_key, page_key

Problem = Literal["missing", "altered", "truncated", "unknown"]
"""An object that is not there, or has other bytes; "truncated": fewer of them than it should have;
"unknown": it is in a page's folder, and the database does not know of it."""

Remedy = Literal["repaired", "not repaired", "read again", "left alone", "named"]
"""What was done. "read again": the page is marked, and a worker adopts what is there; "left alone":
it is nothing that fbsync wrote there; "named": nothing, as it was a dry run."""

_VERSION = re.compile(r"[0-9]+/history/([0-9]+)\.json")


@dataclass(frozen=True)
class Expected:
    """An object that the database believes to be in the store.

    `etag` is None for a version that the database knows by its number alone.
    """

    page_id: PageId
    key: str
    etag: str | None


@dataclass(frozen=True)
class Suspicion:
    """An object that was not listed as the database believed, if both looked at one moment."""

    page_id: PageId
    key: str
    problem: Problem  # never "truncated": the database keeps no sizes


@dataclass(frozen=True)
class Drift:
    """An object that is not as the database says, and what was done.

    `reason` says why it was not repaired, and what to do.
    """

    page_id: PageId
    key: str
    problem: Problem
    remedy: Remedy
    reason: str | None = None


def compare(listing: Iterable[StoredObject], expected: Iterable[Expected]) -> Iterator[Suspicion]:
    """Both in the order of their keys. Objects outside of the pages' folders are passed over.

    Few entries are in memory. A wrong order makes more suspicions, and never hides one.
    """
    streams: tuple[Iterable[StoredObject | Expected], ...] = (listing, expected)
    both = heapq.merge(*streams, key=_key)
    for key, entries in itertools.groupby(both, key=_key):
        found: StoredObject | None = None
        believed: Expected | None = None
        for entry in entries:
            if isinstance(entry, Expected):
                believed = entry
            else:
                found = entry
        page = believed.page_id if believed else page_of(key)
        if page is not None and (problem := _compared(found, believed)):
            yield Suspicion(page, key, problem)


def _key(entry: StoredObject | Expected) -> str:
    return entry.key


def _compared(found: StoredObject | None, believed: Expected | None) -> Problem | None:
    if found is None:
        return "missing"
    if believed is None:
        return "unknown"
    return None if believed.etag in (None, found.etag) else "altered"


def problem_of(found: StoredObject | None, body: bytes) -> Problem | None:
    """What is wrong with an object that should hold these bytes."""
    if found is None:
        return "missing"
    if found.etag == etag_of(body):
        return None
    return "truncated" if found.size < len(body) else "altered"


def drift_of(suspicion: Suspicion, remedy: Remedy, reason: str | None = None) -> Drift:
    """A suspicion that proved true."""
    return Drift(suspicion.page_id, suspicion.key, suspicion.problem, remedy, reason)


def page_of(key: str) -> PageId | None:
    """The page in whose folder the key is; None for a key elsewhere."""
    folder, slash, _ = key.partition("/")
    try:
        return page_id(folder) if slash else None
    except ValueError:
        return None


def version_of(key: str) -> int | None:
    """The number of the version whose history object the key is; None for any other key."""
    found = _VERSION.fullmatch(key)
    page, number = page_of(key), int(found[1]) if found else 0
    return number if page and number and history_key(page, number) == key else None


def is_page(key: str) -> bool:
    """Whether it is the key of a page as it is now."""
    page = page_of(key)
    return page is not None and key == page_key(page)
