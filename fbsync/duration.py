"""Durations as people write them: 30s, 15m, 6h, 2d."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """The duration. Raises ValueError for anything but a number from 1 to 999999 and a unit."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text.strip())
    if found is None:
        raise ValueError("a duration is a number from 1 to 999999 with s, m, h or d, such as 15m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
