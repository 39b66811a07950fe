"""A stored document back as the value that it was written from; see page.py for the way there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from fbsync.errors import UnreadableDocument
from fbsync.field_list import FieldList, ListChange
from fbsync.page import (
    FieldChange,
    NoticedBy,
    PageId,
    PageSnapshot,
    PageVersion,
    Tombstone,
    page_id,
)


@dataclass(frozen=True)
class StoredPage:
    """A page as page_data.json holds it: its own fields, as Meta gave them ("Page" reference).

    A field that is not set is absent, so read it with `page.fields.get("phone")`.
    """

    page_id: PageId
    fields: Mapping[str, object]

    @property
    def name(self) -> str:
        """The page's name; empty where `name` is not among the mirrored fields."""
        name = self.fields.get("name")
        return name if isinstance(name, str) else ""


def parse_page(key: str, page: PageId, body: bytes) -> StoredPage:
    """The page of a page_data.json. Raises UnreadableDocument, which names the key."""
    return StoredPage(page, parse_object(key, body))


def parse_version(key: str, body: bytes) -> PageVersion | Tombstone:
    """The version of a history document. Raises UnreadableDocument, which names the key."""
    document = parse_object(key, body)
    try:
        return _tombstone(document) if "inaccessible" in document else _version(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(key, f"{type(error).__name__} ({error})") from None


def _version(document: Mapping[str, object]) -> PageVersion:
    snapshot, changes = document["snapshot"], document["changes"]
    if not isinstance(snapshot, dict) or not isinstance(changes, list):
        raise TypeError("snapshot or changes have another shape")
    page = page_id(document["page_id"])
    asked = _fields(document, "page_fields")
    return PageVersion(
        page_id=page,
        number=_number(document),
        snapshot=PageSnapshot(
            page,
            snapshot,
            _moment(document),
            str(document["graph_version"]),
            asked=FieldList.of(asked) if asked else None,
        ),
        changes=tuple(
            FieldChange(str(change["field"]), change["before"], change["after"])
            for change in changes
        ),
        noticed_by=_noticed_by(document),
        list_change=ListChange(
            _fields(document, "page_fields_added"), _fields(document, "page_fields_removed")
        ),
    )


def _fields(document: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Those of a list of fields; none in a document from before they were told there."""
    fields = document.get(key, [])
    if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
        raise TypeError(f"{key} has another shape")
    return tuple(fields)


def _tombstone(document: Mapping[str, object]) -> Tombstone:
    return Tombstone(
        page_id=page_id(document["page_id"]),
        number=_number(document),
        noticed_at=_moment(document),
        reason=str(document["inaccessible"]),
        noticed_by=_noticed_by(document),
    )


def _number(document: Mapping[str, object]) -> int:
    number = document["number"]
    if not isinstance(number, int) or number < 1:
        raise ValueError("number is not 1 or more")
    return number


def _moment(document: Mapping[str, object]) -> datetime:
    moment = datetime.fromisoformat(str(document["fetched_at"]))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _noticed_by(document: Mapping[str, object]) -> NoticedBy:
    for known in get_args(NoticedBy):
        if document["noticed_by"] == known:
            noticed_by: NoticedBy = known
            return noticed_by
    raise ValueError("noticed_by is another word")


def parse_object(key: str, body: bytes) -> dict[str, object]:
    """Any stored document, parsed. Raises UnreadableDocument, which names the key."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _unreadable(key, "no JSON") from None
    if not isinstance(document, dict):
        raise _unreadable(key, "no JSON object")
    return document


def _unreadable(key: str, what: str) -> UnreadableDocument:
    return UnreadableDocument(
        f"{key} is not a document of fbsync: {what}.\n"
        "Where the database is, this mends it: fbsync sync --verify",
        key,
    )
