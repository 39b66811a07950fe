"""Numbers with their nouns."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """Such as 1 page, 2 pages; `plural` where an s does not make it, such as entries."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"
