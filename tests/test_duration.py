"""Durations as people write them."""

from datetime import timedelta

import pytest

from fbsync.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("6h", 21600), (" 2d ", 172800)]
)
def test_a_number_with_a_unit_is_a_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "0m", "-1m", "1.5h", "15 m", "1w", "9999999s"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="from 1 to 999999 .* 15m"):
        parse_duration(text)
