"""How the list of page fields that was asked for differs between two versions of a page."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from fbsync.errors import UnreadableDocument
from fbsync.field_list import ListChange
from fbsync.page import PageVersion, Tombstone

ReadVersion = Callable[[int], PageVersion | Tombstone | None]
"""The version of this number, None where it is not stored. Raises UnreadableDocument."""


def list_difference(
    was: PageVersion, now: PageVersion, numbers: Collection[int], read: ReadVersion
) -> ListChange:
    """From `was` to `now`, whichever is older. `numbers` are those of the stored versions.

    The list of the older one is the last with which the page was seen to be like that: the next
    version tells, as a list that brings nothing new makes none. That is one read at most, but for
    tombstones and what is damaged.
    """
    if was.number > now.number:
        back = list_difference(now, was, numbers, read)
        return ListChange(back.removed, back.added)
    if was.number == now.number:
        return ListChange()
    between = sorted(number for number in numbers if was.number < number < now.number)
    after = next(_copies(between, read), now)
    if after.snapshot.asked is None:
        return ListChange()
    last_asked = after.list_change.undone(after.snapshot.asked)
    return ListChange.between(last_asked, now.snapshot.asked)


def _copies(numbers: Collection[int], read: ReadVersion) -> Iterator[PageVersion]:
    for number in numbers:
        with suppress(UnreadableDocument):
            version = read(number)
            if isinstance(version, PageVersion):
                yield version
