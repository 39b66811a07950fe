"""Sizes as people write them."""

import pytest

from fbsync.byte_size import parse_size, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("1MB", 10**6), ("500MB", 5 * 10**8), ("10GB", 10**10), (" 2 tb ", 2 * 10**12)],
)
def test_a_number_with_a_unit_is_a_size(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "10", "GB", "0GB", "-1GB", "1.5GB", "10GiB", "1234567MB"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="10GB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 kB"),
        (20_480, "20 kB"),
        (10**6, "1.0 MB"),
        (15 * 10**8, "1.5 GB"),
        (2 * 10**12, "2.0 TB"),
    ],
)
def test_a_size_is_shown_in_the_largest_unit(size: int, text: str) -> None:
    assert show_size(size) == text
