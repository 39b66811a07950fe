"""Parts for tests that wait for nothing and keep nothing beyond their process."""

from collections.abc import Collection

from fbsync.patience import Patience

NO_PATIENCE = Patience(0)
"""Gives up at the first failure."""


class FieldsInMemory:
    """graph.page_fields.FieldMemory: the page fields that were refused, for this test."""

    def __init__(self, *names: str) -> None:
        self.added: list[str] = []
        self._names = names

    def names(self) -> Collection[str]:
        return (*self._names, *self.added)

    def add(self, name: str) -> None:
        self.added.append(name)


INSTANT = Patience(1e9, sleep=lambda seconds: None)
"""Tries as often as ever, and waits in no time."""
