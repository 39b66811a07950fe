"""Two streams in the order of their keys, compared."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsync.drift import (
    Expected,
    Problem,
    Suspicion,
    compare,
    is_page,
    page_of,
    problem_of,
    version_of,
)
from fbsync.page import PageId
from fbsync.ports import StoredObject, etag_of

ONE, TWO = PageId("1"), PageId("2")
KEYS = ("1/history/000001.json", "1/page_data.json", "10/page_data.json", "2/page_data.json")


def stored(key: str, etag: str = "a") -> StoredObject:
    return StoredObject(key, etag, 1)


def believed(key: str, etag: str | None = "a") -> Expected:
    page = page_of(key)
    assert page
    return Expected(page, key, etag)


def test_what_is_as_believed_raises_no_suspicion() -> None:
    assert list(compare(map(stored, KEYS), map(believed, KEYS))) == []
    assert list(compare([], [])) == []


@pytest.mark.parametrize("place", range(len(KEYS)))
def test_an_object_that_is_not_listed_is_missing_wherever_it_stands(place: int) -> None:
    there = [stored(key) for index, key in enumerate(KEYS) if index != place]
    (found,) = compare(there, map(believed, KEYS))
    assert found == Suspicion(believed(KEYS[place]).page_id, KEYS[place], "missing")


@pytest.mark.parametrize("place", range(len(KEYS)))
def test_an_object_that_nobody_believes_in_is_unknown_wherever_it_stands(place: int) -> None:
    known = [believed(key) for index, key in enumerate(KEYS) if index != place]
    (found,) = compare(map(stored, KEYS), known)
    assert found == Suspicion(believed(KEYS[place]).page_id, KEYS[place], "unknown")


def test_another_etag_is_an_altered_object() -> None:
    found = list(compare([stored(KEYS[0]), stored(KEYS[1], "b")], map(believed, KEYS[:2])))
    assert found == [Suspicion(ONE, KEYS[1], "altered")]


def test_a_version_that_is_known_by_number_alone_may_hold_anything_but_must_be_there() -> None:
    known = [believed(KEYS[0], None), believed("1/history/000002.json", None)]
    found = list(compare([stored(KEYS[0], "whatever")], known))
    assert found == [Suspicion(ONE, "1/history/000002.json", "missing")]


def test_objects_outside_of_the_folders_of_pages_are_passed_over() -> None:
    others = ["notes.txt", "1", "about/1/page_data.json", "x1/page_data.json", "1" * 33 + "/a"]
    assert list(compare(map(stored, sorted(others)), [])) == []


def test_only_a_few_entries_are_read_ahead() -> None:
    read: list[str] = []

    def noted(key: str) -> str:
        read.append(key)
        return key

    keys = [f"1/history/{number:06d}.json" for number in range(1, 1000)]
    listing = (stored(noted(key)) for key in keys)
    suspicions = compare(listing, (believed(key) for key in keys[1:]))
    assert next(suspicions).key == keys[0]
    assert len(read) < 4


_some_keys = st.sampled_from([f"{page}/{name}" for page in range(5) for name in "ab"])
_entries = st.dictionaries(_some_keys, st.sampled_from("xyz"))


@given(_entries, _entries)
def test_every_difference_is_found_once_in_order(
    there: dict[str, str], known: dict[str, str]
) -> None:
    found = list(
        compare(
            (stored(key, there[key]) for key in sorted(there)),
            (believed(key, known[key]) for key in sorted(known)),
        )
    )
    expected: dict[str, Problem] = {}
    for key in there.keys() | known.keys():
        if there.get(key) != known.get(key):
            expected[key] = (
                "missing" if key not in there else "unknown" if key not in known else "altered"
            )
    assert {suspicion.key: suspicion.problem for suspicion in found} == expected
    assert all(first.key < second.key for first, second in pairwise(found))


@given(st.permutations(KEYS), st.permutations(KEYS), st.sampled_from(KEYS))
def test_a_wrong_order_hides_no_difference(there: list[str], known: list[str], other: str) -> None:
    listing = [stored(key, "b" if key == other else "a") for key in there]
    assert other in {suspicion.key for suspicion in compare(listing, map(believed, known))}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"The page", None),
        (b"The pag", "truncated"),
        (b"", "truncated"),
        (b"The Page", "altered"),
        (b"The page and more", "altered"),
        (None, "missing"),
    ],
)
def test_what_is_wrong_shows_in_etag_and_size(body: bytes | None, problem: Problem | None) -> None:
    found = None if body is None else StoredObject(KEYS[1], etag_of(body), len(body))
    assert problem_of(found, b"The page") == problem


@pytest.mark.parametrize(
    ("key", "page", "number"),
    [
        ("1/history/000001.json", ONE, 1),
        ("1/history/1234567.json", ONE, 1234567),
        ("1/history/1.json", ONE, None),
        ("1/history/000000.json", ONE, None),
        ("1/history/000001.json.bak", ONE, None),
        ("1/page_data.json", ONE, None),
        ("history/000001.json", None, None),
        ("page_data.json", None, None),
    ],
)
def test_a_key_says_of_which_page_and_version_it_is(
    key: str, page: PageId | None, number: int | None
) -> None:
    assert (page_of(key), version_of(key)) == (page, number)
    assert is_page(key) == (key == "1/page_data.json")
