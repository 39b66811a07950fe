"""Which page fields to ask the Graph API for, and how an answer becomes a snapshot."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from fbsync.errors import FieldRefused
from fbsync.field_list import FieldList, field_name, split_fields
from fbsync.page import PageId, PageSnapshot

_NEEDED = frozenset({"id", "name"})


class FieldMemory(Protocol):
    """Which page fields the Graph API refuses, beyond the life of this process."""

    def names(self) -> Collection[str]:
        """The refused fields."""
        ...

    def add(self, name: str) -> None:
        """One more is refused."""
        ...


class PageFields:
    """The wanted fields, less those that the Graph API refuses; `refused` remembers them."""

    def __init__(self, wanted: Sequence[str], refused: FieldMemory) -> None:
        self._wanted = {field_name(field): field for field in wanted}
        self._refused = refused
        self._leave_out(frozenset(refused.names()) & self._wanted.keys())

    @property
    def left_out(self) -> tuple[str, ...]:
        """The wanted fields that are not asked for, in order."""
        return tuple(sorted(self._left_out))

    def asked(self, *more: str) -> str:
        """The value of the parameter `fields`: these, and `more` that no snapshot holds.

        The id is always among them, as an answer without it is not known to be the page's.
        """
        fields = [field for name, field in self._wanted.items() if name not in self._left_out]
        return ",".join(dict.fromkeys(("id", *fields, *more)))

    def leave_out(self, refusal: FieldRefused, asked: str) -> None:
        """Do without this field from now on. Raises the refusal where that would not mend it.

        `asked` is what was asked for: a field may have been left out since by another call. Where
        it cannot be remembered, it is asked for again, so that a later refusal is.
        """
        names = set(map(field_name, split_fields(asked)))
        if refusal.field not in (names & self._wanted.keys()) - _NEEDED:
            raise refusal
        if refusal.field not in self._left_out:
            self._refused.add(refusal.field)
            self._leave_out(self._left_out | {refusal.field})

    def snapshot(self, page: PageId, data: Mapping[str, object], version: str) -> PageSnapshot:
        """Only what was asked for is kept, so that nothing else can slip into a stored object."""
        fields = {**data, "id": page}  # as a text, also where an answer has a number
        for name in fields.keys() - self._wanted.keys():
            del fields[name]
        return PageSnapshot(
            page, fields, datetime.now(UTC), version, self._left_out, self._field_list
        )

    def _leave_out(self, names: frozenset[str]) -> None:
        self._left_out = names
        asked = (field for name, field in self._wanted.items() if name not in names)
        self._field_list = FieldList.of(asked)
