"""Numbers with their nouns, and long lists of names in short."""

from collections.abc import Sequence


def counted(count: int, noun: str, plural: str = "") -> str:
    """Such as 1 page, 2 pages; `plural` where an s does not make it, such as entries."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def first_of(names: Sequence[str], most: int = 5) -> str:
    """Such as "a, b and 3 more"."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
