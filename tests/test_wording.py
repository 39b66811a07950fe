"""Numbers with their nouns, and long lists of names in short."""

import pytest

from fbsync.wording import counted, first_of


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 pages"), (1, "1 page"), (2, "2 pages"), (1000, "1000 pages")]
)
def test_one_is_told_in_the_singular(count: int, told: str) -> None:
    assert counted(count, "page") == told


def test_a_plural_of_another_form_is_given() -> None:
    assert [counted(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]


@pytest.mark.parametrize(
    ("count", "told"), [(0, ""), (2, "a, b"), (3, "a, b, c"), (5, "a, b, c and 2 more")]
)
def test_of_a_long_list_the_first_are_named(count: int, told: str) -> None:
    assert first_of("abcde"[:count], 3) == told
