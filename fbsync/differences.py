"""What changed between two versions of a page, in its fields and in the list of those asked for."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from fbsync.errors import UnreadableDocument
from fbsync.field_list import ListChange
from fbsync.page import FieldChange, PageVersion, Tombstone, changes_between

ReadVersion = Callable[[int], PageVersion | Tombstone | None]
"""The version of this number, None where it is not stored. Raises UnreadableDocument."""


@dataclass(frozen=True)
class Differences:
    """What changed between two versions of a page, and those between which it was not readable.

    A Tombstone stands for the copy before it, as page_data.json does: nothing newer is known. What
    is in `list_change` is not in `changes`, as it was not asked for both times.
    """

    before: PageVersion | Tombstone
    after: PageVersion | Tombstone
    changes: tuple[FieldChange, ...]
    list_change: ListChange = ListChange()


def differences(
    before: PageVersion | Tombstone,
    after: PageVersion | Tombstone,
    numbers: Collection[int],
    read: ReadVersion,
) -> Differences:
    """From one version to another; volatile values do not count.

    `numbers` are those of the page's stored versions, newest first.
    """
    was, now = _copy(before, numbers, read), _copy(after, numbers, read)
    listed = _list_change(was, now, numbers, read) if was and now else ListChange()
    changes = changes_between(_fields(was), _fields(now), listed.names)
    return Differences(before, after, changes, listed)


def _copy(
    version: PageVersion | Tombstone, numbers: Collection[int], read: ReadVersion
) -> PageVersion | None:
    """The page as it was known at this version; None where nothing ever was."""
    found: PageVersion | Tombstone | None = version
    older = iter([number for number in numbers if number < version.number])
    while not isinstance(found, PageVersion):
        if (number := next(older, None)) is None:
            return None
        found = read(number)
    return found


def _fields(version: PageVersion | None) -> Mapping[str, object]:
    return version.snapshot.fields if version else {}


def _list_change(
    was: PageVersion, now: PageVersion, numbers: Collection[int], read: ReadVersion
) -> ListChange:
    """From `was` to `now`, whichever is older.

    The list of the older one is the last with which the page was seen to be like that: the next
    version tells, as a list that brings nothing new makes none. That is one read at most, but for
    tombstones and what is damaged.
    """
    if was.number > now.number:
        back = _list_change(now, was, numbers, read)
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
