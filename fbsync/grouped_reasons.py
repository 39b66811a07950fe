"""Pages that share a reason, told together: a hundred pages often have one and the same."""

import re
from collections.abc import Iterable

_MAX_IDS = 5
_TRACE = re.compile(r",? ?\btrace \w+")  # differs from page to page, though the reason is one


def grouped(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """One line for each reason, in the order in which they came, from (page id, reason)."""
    found: dict[str, tuple[list[str], str]] = {}
    for page, reason in reasons:
        text = " ".join(reason.split())
        pages, _ = found.setdefault(_TRACE.sub("", text), ([], text))
        pages.append(page)
    return [_line(pages, text) for pages, text in found.values()]


def _line(pages: list[str], text: str) -> str:
    if len(pages) == 1:
        return f"page {pages[0]}: {text}"
    more = f" and {len(pages) - _MAX_IDS} more" if len(pages) > _MAX_IDS else ""
    return f"{len(pages)} pages ({', '.join(pages[:_MAX_IDS])}{more}): {text}"
