"""Pages that share a reason, told together: a hundred pages often have one and the same."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_MAX_IDS = 5
_TRACE = re.compile(r",? ?\btrace \w+")  # differs from page to page, though the reason is one


def grouped(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """One line for each reason, in the order in which they came, from (page id, reason)."""
    found = Reasons()
    for page, reason in reasons:
        found.add(page, reason)
    return found.lines()


class Reasons:
    """Grows with the number of reasons, not with that of pages."""

    def __init__(self) -> None:
        self._found: dict[str, _Group] = {}

    def add(self, page: str, reason: str) -> None:
        """One page and its reason."""
        text = " ".join(reason.split())
        group = self._found.setdefault(_TRACE.sub("", text), _Group(text))
        group.count += 1
        if len(group.pages) < _MAX_IDS:
            group.pages.append(page)

    def lines(self) -> list[str]:
        """See `grouped`."""
        return [_line(group) for group in self._found.values()]


@dataclass
class _Group:
    text: str
    count: int = 0
    pages: list[str] = field(default_factory=list)  # the first ones


def _line(group: _Group) -> str:
    if group.count == 1:
        return f"page {group.pages[0]}: {group.text}"
    more = f" and {group.count - _MAX_IDS} more" if group.count > _MAX_IDS else ""
    return f"{group.count} pages ({', '.join(group.pages)}{more}): {group.text}"
