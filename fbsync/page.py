"""A page: who may read it, what it looked like at one moment, and what changed since.

Values only, no I/O. Every dataclass is frozen; tokens have their repr off; times are aware UTC.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Literal, NewType

import orjson

from fbsync.field_list import FieldList, ListChange, field_name
from fbsync.volatile import without_volatile

PageId = NewType("PageId", str)
"""A page's id: 1 to 32 ASCII digits, because it becomes part of an object key."""

NoticedBy = Literal["first", "webhook", "sync"]
"""What led to a version: the first read of a page, an event, or the poll of `fbsync sync`."""

_PAGE_ID = re.compile(r"[0-9]{1,32}")
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_WEBHOOK_TASKS = frozenset({"CREATE_CONTENT", "MANAGE", "MODERATE", "FULL_CONTROL"})


def page_id(text: object) -> PageId:
    """The text as a PageId. Raises ValueError for anything but 1 to 32 ASCII digits."""
    if isinstance(text, str) and _PAGE_ID.fullmatch(text):
        return PageId(text)
    raise ValueError("a page id is 1 to 32 digits")


def told_page_id(value: object) -> PageId:
    """An id as JSON tells it: a text, or a number in some answers and events. Raises ValueError."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return page_id(str(value) if is_number else value)


@dataclass(frozen=True)
class UserToken:
    """A person's long-lived token, and the permissions that were granted to it (`scopes`).

    `expires_at` ends the token, `data_access_expires_at` what it may read; None: no end is known.
    """

    user_id: str
    name: str
    token: str = field(repr=False)
    expires_at: datetime | None = None
    data_access_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PageAccess:
    """The right to read one page: its own token, and what its holder may do there (`tasks`)."""

    page_id: PageId
    name: str
    token: str = field(repr=False)
    tasks: tuple[str, ...] = ()

    @property
    def allows_webhooks(self) -> bool:
        """Whether one of the tasks may subscribe (Meta, "Page subscribed apps").

        Where no task is known, nothing speaks against it.
        """
        tasks = {task.removeprefix("PROFILE_PLUS_") for task in self.tasks}
        return not tasks or bool(tasks & _WEBHOOK_TASKS)


@dataclass(frozen=True)
class PageSnapshot:
    """A page's own fields as one successful read gave them; an unset field is absent.

    `graph_version` is the Graph API version that really answered, such as "v26.0". `left_out` names
    fields that were not asked for, because the Graph API refuses them: their absence says nothing.
    `asked` are the others, as far as it is known.
    """

    page_id: PageId
    fields: Mapping[str, object]
    fetched_at: datetime
    graph_version: str
    left_out: frozenset[str] = frozenset()
    asked: FieldList | None = None

    def keeping(self, last: Mapping[str, object], asked: FieldList | None = None) -> "PageSnapshot":
        """With the last known values of the fields that were left out, which were in `asked`."""
        kept = {name: last[name] for name in self.left_out if name in last}
        now = self.asked
        if now is not None and self.left_out:
            before = kept if asked is None else asked.fields
            left_out = {field for field in before if field_name(field) in self.left_out}
            now = FieldList.of({*now.fields, *left_out})
        if not kept and now == self.asked:
            return self
        return replace(self, fields={**kept, **self.fields}, asked=now)

    @cached_property
    def document(self) -> bytes:
        """The bytes of page_data.json. Two equal pages give equal bytes."""
        return canonical_json(self.fields)

    @cached_property
    def digest(self) -> str:
        """See digest_of."""
        return digest_of(self.fields)


@dataclass(frozen=True)
class FieldChange:
    """One field of a page, before and after; None stands for a field that was or is unset."""

    name: str
    before: object
    after: object


@dataclass(frozen=True)
class PageVersion:
    """One immutable entry of a page's history. Numbers start at 1 and leave no gap.

    What is in `list_change` is not in `changes`: it says nothing of the page.
    """

    page_id: PageId
    number: int
    snapshot: PageSnapshot
    changes: tuple[FieldChange, ...]
    noticed_by: NoticedBy
    list_change: ListChange = ListChange()

    @cached_property
    def document(self) -> bytes:
        """The bytes of history/NNNNNN.json."""
        return canonical_json(
            {
                "page_id": self.page_id,
                "number": self.number,
                "fetched_at": self.snapshot.fetched_at.isoformat(timespec="milliseconds"),
                "graph_version": self.snapshot.graph_version,
                "noticed_by": self.noticed_by,
                "changes": [
                    {"field": change.name, "before": change.before, "after": change.after}
                    for change in self.changes
                ],
                "snapshot": self.snapshot.fields,
                **self._page_fields(),
            }
        )

    def _page_fields(self) -> Mapping[str, object]:
        if self.snapshot.asked is None:
            return {}
        return {
            "page_fields": self.snapshot.asked.fields,
            "page_fields_added": self.list_change.added,
            "page_fields_removed": self.list_change.removed,
        }


@dataclass(frozen=True)
class Tombstone:
    """A version that says why a page is gone or its access lost: its document's `inaccessible`."""

    page_id: PageId
    number: int
    noticed_at: datetime
    reason: str
    noticed_by: NoticedBy

    @cached_property
    def document(self) -> bytes:
        """The bytes of history/NNNNNN.json, as those of any version."""
        return canonical_json(
            {
                "page_id": self.page_id,
                "number": self.number,
                "fetched_at": self.noticed_at.isoformat(timespec="milliseconds"),
                "graph_version": None,
                "noticed_by": self.noticed_by,
                "changes": [],
                "snapshot": None,
                "inaccessible": self.reason,
            }
        )


def canonical_json(value: object) -> bytes:
    """Sorted keys, two spaces, UTF-8, one newline at the end: equal values give equal bytes.

    A lone surrogate, which UTF-8 cannot hold, stays escaped.
    """
    try:
        return orjson.dumps(value, dict, _CANONICAL)
    except TypeError:  # for half a surrogate pair, or a number of more than 64 bits
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, default=dict) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        return (json.dumps(value, sort_keys=True, indent=2, default=dict) + "\n").encode()


def digest_of(fields: Mapping[str, object]) -> str:
    """SHA-256 in hex over the document without what is volatile. Equal: nothing changed."""
    return hashlib.sha256(canonical_json(without_volatile(fields))).hexdigest()


def changes_between(
    before: Mapping[str, object] | None,
    after: Mapping[str, object],
    apart: Collection[str] = frozenset(),
) -> tuple[FieldChange, ...]:
    """The fields that differ in more than what is volatile, by name, with their whole values.

    A page never seen before changes from nothing. `apart` are names to leave out, as they were not
    asked for both times.
    """
    last = before or {}
    old, new = without_volatile(last), without_volatile(after)
    return tuple(
        FieldChange(name, last.get(name), after.get(name))
        for name in sorted((old.keys() | new.keys()).difference(apart))
        if _differ(old.get(name), new.get(name))
    )


def _differ(before: object, after: object) -> bool:
    """Whether they are other JSON: to Python, 1 is True. Most are texts, or new."""
    if before is None or after is None or (isinstance(before, str) and isinstance(after, str)):
        return before != after
    return canonical_json(before) != canonical_json(after)
