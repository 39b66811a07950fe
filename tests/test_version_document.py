"""Stored documents, read back."""

import json
from dataclasses import replace

import pytest

from fbsync.errors import UnreadableDocument
from fbsync.field_list import FieldList, ListChange
from fbsync.page import PageId, PageVersion, Tombstone
from fbsync.version_document import parse_page, parse_version
from tests.written_history import COPIES, PAGE, snapshot, versions

KEY = f"{PAGE}/history/000004.json"


@pytest.mark.parametrize("version", versions(), ids=lambda version: version.number)
def test_every_version_is_read_back_as_it_was_written(version: PageVersion | Tombstone) -> None:
    assert parse_version(KEY, version.document) == version


def test_what_a_page_was_asked_for_is_read_back_too() -> None:
    version = versions()[1]
    assert isinstance(version, PageVersion)
    now = replace(version.snapshot, asked=FieldList.of(["name", "id", "picture{url,width}"]))
    version = replace(version, snapshot=now, list_change=ListChange(("id",), ("phone",)))
    assert parse_version(KEY, version.document) == version


def test_a_page_has_its_fields_and_its_name() -> None:
    page = parse_page(f"{PAGE}/page_data.json", PAGE, snapshot(1).document)
    assert page.fields == COPIES[1]
    assert page.name == "Blue Bottle Café"


@pytest.mark.parametrize("body", [b'{"id": "1"}', b'{"name": null}', b'{"name": ["a"]}'])
def test_a_page_without_a_name_has_an_empty_one(body: bytes) -> None:
    assert parse_page("1/page_data.json", PageId("1"), body).name == ""


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"number": "4"},
        {"fetched_at": "yesterday"},
        {"noticed_by": "a bird"},
        {"page_id": "../1"},
        {"snapshot": None},
        {"changes": {}},
        {"changes": [1]},
        {"changes": [{"field": "name"}]},
        {"page_fields": "id,name"},
        {"page_fields_added": [1]},
    ],
    ids=str,
)
def test_a_version_of_another_shape_is_named_by_its_key(change: dict[str, object]) -> None:
    document = json.loads(versions()[3].document) | change
    with pytest.raises(UnreadableDocument, match=f"{KEY} is not a document of fbsync"):
        parse_version(KEY, json.dumps(document).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"cut": "of', b"[" * 100_000])
def test_bytes_that_are_no_json_object_are_named_by_their_key(body: bytes) -> None:
    with pytest.raises(UnreadableDocument, match=KEY):
        parse_version(KEY, body)
    with pytest.raises(UnreadableDocument, match="1/page_data"):
        parse_page("1/page_data.json", PageId("1"), body)
