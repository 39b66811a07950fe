"""The list of page fields that are asked for, as FACEBOOK_PAGE_FIELDS has it, and its changes.

Values only, no I/O.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

_FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[a-z_]+\([^()]*\))*(\{.+\})?")
_TOKEN_FIELD = re.compile(r"\b(access_token|page_token)\b")


@dataclass(frozen=True)
class FieldList:
    """What a page was asked for, sorted; each field as it is asked for, such as `picture{url}`."""

    fields: tuple[str, ...]

    @staticmethod
    def of(fields: Iterable[str]) -> "FieldList":
        """These, in whatever order."""
        return FieldList(tuple(sorted(set(fields))))

    @staticmethod
    @lru_cache(maxsize=64)
    def parse(text: str) -> "FieldList":
        """The list that `str` gave this text."""
        return FieldList.of(split_fields(text))

    def __str__(self) -> str:
        return ",".join(self.fields)

    @cached_property
    def key(self) -> str:
        """Short; equal lists have equal keys."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ListChange:
    """The fields that are asked for since, and those that are not asked for any more."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @staticmethod
    def between(before: FieldList | None, after: FieldList | None) -> "ListChange":
        """From one list to another; where one is not known, nothing is said to have changed.

        A field that is asked for in another way, as with other subfields, is both.
        """
        if before is None or after is None or before == after:
            return ListChange()
        old, new = set(before.fields), set(after.fields)
        return ListChange(tuple(sorted(new - old)), tuple(sorted(old - new)))

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    @property
    def names(self) -> frozenset[str]:
        """The names of these fields in a page."""
        return frozenset(map(field_name, self.added + self.removed))

    def undone(self, after: FieldList) -> FieldList:
        """The list before this change, given the one after it."""
        return FieldList.of({*after.fields, *self.removed}.difference(self.added))


def split_fields(text: str) -> tuple[str, ...]:
    """Split at the commas outside braces: `id,picture{url,cache_key}` are two fields."""
    fields, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += {"{": 1, "}": -1, "(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            fields.append(text[start:position])
            start = position + 1
    fields.append(text[start:])
    return tuple(field.strip() for field in fields if field.strip())


def field_name(field: str) -> str:
    """The name under which the answer holds a requested field: `picture` for `picture{url}`."""
    return re.split(r"[.{]", field, maxsplit=1)[0]


def are_mirror_fields(fields: tuple[str, ...]) -> bool:
    """Whether these may be asked for: well-formed, at least one, and none that yields a token."""
    return bool(fields) and all(
        _FIELD.fullmatch(name) and not _TOKEN_FIELD.search(name) for name in fields
    )
