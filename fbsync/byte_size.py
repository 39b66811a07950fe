"""Sizes as people write them: 500MB, 10GB, 2TB."""

import re

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_size(text: str) -> int:
    """The bytes. Raises ValueError for anything but a positive number with a unit."""
    found = re.fullmatch(r"([1-9][0-9]{0,5}) ?([MGT]B)", text.strip().upper())
    if found is None:
        raise ValueError("a size is a number with MB, GB or TB, such as 10GB")
    return int(found[1]) * _UNITS[found[2]]


def show_size(count: int) -> str:
    """The bytes in the largest unit of which there is one, such as 1.5 GB."""
    for unit in ("TB", "GB", "MB"):
        if count >= _UNITS[unit]:
            return f"{count / _UNITS[unit]:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
