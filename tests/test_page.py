"""Pages as values: ids, documents, digests and changes."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsync.field_list import FieldList, ListChange
from fbsync.page import (
    PageAccess,
    PageId,
    PageSnapshot,
    PageVersion,
    Tombstone,
    UserToken,
    canonical_json,
    changes_between,
    page_id,
    told_page_id,
)

NOON = datetime(2026, 11, 23, 12, 0, 0, 5000, tzinfo=UTC)


def snapshot(**fields: object) -> PageSnapshot:
    return PageSnapshot(PageId("1001"), fields, NOON, "v26.0")


@pytest.mark.parametrize("text", ["1", "0", "9" * 32])
def test_a_page_id_is_one_to_thirty_two_digits(text: str) -> None:
    assert page_id(text) == text


@pytest.mark.parametrize("text", ["", "9" * 33, "12a", "../1", "１２", "1\n", None, 12, True])
def test_anything_else_is_no_page_id(text: object) -> None:
    with pytest.raises(ValueError, match="1 to 32 digits"):
        page_id(text)


@pytest.mark.parametrize("value", ["1001", 1001])
def test_json_tells_an_id_as_a_text_or_as_a_number(value: object) -> None:
    assert told_page_id(value) == "1001"


LONGER_THAN_PYTHON_WRITES = pytest.param(10**5000, id="5001 digits")


@pytest.mark.parametrize(
    "value", ["", None, True, False, -1, 1.0, 10**32, LONGER_THAN_PYTHON_WRITES, ["1"]]
)
def test_anything_else_that_json_tells_is_no_id(value: object) -> None:
    with pytest.raises(ValueError, match="digits"):
        told_page_id(value)


def test_equal_pages_give_equal_bytes_whatever_the_order_of_their_fields() -> None:
    one, other = snapshot(name="Café", id="1001"), snapshot(id="1001", name="Café")
    assert one.document == other.document
    assert one.digest == other.digest
    assert one.document == b'{\n  "id": "1001",\n  "name": "Caf\xc3\xa9"\n}\n'


def test_different_pages_give_different_digests() -> None:
    assert snapshot(name="A").digest != snapshot(name="B").digest


def test_a_lone_surrogate_stays_escaped_instead_of_failing() -> None:
    document = canonical_json({"name": "\ud83d"})
    assert json.loads(document) == {"name": "\ud83d"}


def test_a_number_of_more_than_64_bits_keeps_its_digits() -> None:
    assert canonical_json({"number": 2**70}) == b'{\n  "number": 1180591620717411303424\n}\n'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(0.001, 1e15),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_its_bytes_are_those_of_the_json_module_as_earlier_versions_wrote_them(
    value: object,
) -> None:
    written = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert canonical_json(value) == written.encode()


def test_changes_name_each_field_that_differs_and_nothing_else() -> None:
    before = {"id": "1", "name": "Old", "phone": "1"}
    after = {"id": "1", "name": "New", "website": "w"}
    found = [
        (change.name, change.before, change.after) for change in changes_between(before, after)
    ]
    assert found == [("name", "Old", "New"), ("phone", "1", None), ("website", None, "w")]


def test_true_and_one_are_different_values() -> None:
    assert len(changes_between({"is_published": True}, {"is_published": 1})) == 1


def test_a_page_never_seen_before_changes_from_nothing() -> None:
    assert [change.name for change in changes_between(None, {"id": "1", "name": "A"})] == [
        "id",
        "name",
    ]


SIGNED = {"url": "https://cdn.example/1.jpg?oh=aa", "cache_key": "k1", "width": 50}
COVER = {"cover_id": "9", "offset_y": 10, "source": "https://cdn.example/9.jpg?oe=aa", "id": "9"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"picture": {"data": SIGNED}}, {"picture": {"data": SIGNED | {"url": "signed anew"}}}),
        ({"picture": SIGNED}, {"picture": SIGNED | {"url": "signed anew"}}),
        ({"cover": COVER}, {"cover": COVER | {"source": "signed anew"}}),
        (
            {"cover": {"id": "9", "source": "a"}},
            {"cover": {"id": "9", "source": "signed anew"}},
        ),
        ({"fan_count": 1, "overall_star_rating": 4.5}, {"fan_count": 2, "overall_star_rating": 4}),
        ({"checkins": 1}, {}),
    ],
)
def test_what_is_volatile_is_no_change(before: dict[str, object], after: dict[str, object]) -> None:
    old, new = snapshot(name="A", **before), snapshot(name="A", **after)
    assert old.digest == new.digest
    assert changes_between(old.fields, new.fields) == ()
    assert old.document != new.document


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"picture": {"data": SIGNED}}, {"picture": {"data": SIGNED | {"cache_key": "k2"}}}),
        ({"picture": {"data": {"url": "a"}}}, {"picture": {"data": {"url": "b"}}}),
        ({"picture": {"data": SIGNED}}, {"picture": {"data": SIGNED | {"width": 100}}}),
        ({"cover": COVER}, {"cover": COVER | {"cover_id": "10"}}),
        ({"cover": COVER}, {"cover": COVER | {"offset_y": 11}}),
        ({"cover": {"source": "a"}}, {"cover": {"source": "b"}}),
        ({"cover": COVER}, {}),
        ({"picture": "a"}, {"picture": "b"}),
        ({"website": {"url": "a", "cache_key": "k"}}, {"website": {"url": "b", "cache_key": "k"}}),
    ],
)
def test_the_rest_of_an_image_is(before: dict[str, object], after: dict[str, object]) -> None:
    old, new = snapshot(name="A", **before), snapshot(name="A", **after)
    assert old.digest != new.digest
    (change,) = changes_between(old.fields, new.fields)
    assert (change.before, change.after) == (
        before.get(change.name),
        after.get(change.name),
    )


def test_a_document_and_its_changes_keep_the_values_as_they_came() -> None:
    now = snapshot(picture={"data": SIGNED}, fan_count=3)
    assert json.loads(now.document) == {"picture": {"data": SIGNED}, "fan_count": 3}
    (change,) = changes_between(None, now.fields)
    assert change.after == {"data": SIGNED}


def test_a_page_without_anything_volatile_has_the_digest_of_its_document() -> None:
    plain = snapshot(name="A", hours={"mon_1_open": "09:00"})
    assert plain.digest == hashlib.sha256(plain.document).hexdigest()


def test_a_version_tells_what_changed_when_and_how_it_was_noticed() -> None:
    now = snapshot(id="1001", name="New")
    changes = changes_between({"id": "1001", "name": "Old"}, now.fields)
    version = PageVersion(PageId("1001"), 2, now, changes, "webhook")
    assert json.loads(version.document) == {
        "page_id": "1001",
        "number": 2,
        "fetched_at": "2026-11-23T12:00:00.005+00:00",
        "graph_version": "v26.0",
        "noticed_by": "webhook",
        "changes": [{"field": "name", "before": "Old", "after": "New"}],
        "snapshot": {"id": "1001", "name": "New"},
    }


def test_a_version_tells_what_was_asked_for_where_it_is_known() -> None:
    now = replace(snapshot(id="1001", name="New"), asked=FieldList.of(["name", "id"]))
    version = PageVersion(PageId("1001"), 2, now, (), "sync", ListChange(("name",), ("phone",)))
    told = json.loads(version.document)
    assert told["page_fields"] == ["id", "name"]
    assert (told["page_fields_added"], told["page_fields_removed"]) == (["name"], ["phone"])


def test_what_is_to_stand_apart_is_no_change() -> None:
    changes = changes_between({"name": "Old", "phone": "1"}, {"name": "New", "bio": "B"}, {"phone"})
    assert [change.name for change in changes] == ["bio", "name"]


def test_a_tombstone_tells_when_and_why_a_page_was_lost_and_has_no_fields() -> None:
    tombstone = Tombstone(PageId("1001"), 3, NOON, "The page is gone.", "webhook")
    assert json.loads(tombstone.document) == {
        "page_id": "1001",
        "number": 3,
        "fetched_at": "2026-11-23T12:00:00.005+00:00",
        "graph_version": None,
        "noticed_by": "webhook",
        "changes": [],
        "snapshot": None,
        "inaccessible": "The page is gone.",
    }


def test_tokens_stay_out_of_reprs() -> None:
    assert "EAAsecret" not in repr(UserToken("1", "Ada", "EAAsecret"))
    assert "EAAsecret" not in repr(PageAccess(PageId("1"), "Shop", "EAAsecret"))


def test_a_field_that_was_left_out_keeps_its_last_known_value() -> None:
    fetched = datetime(2026, 1, 1, tzinfo=UTC)
    snapshot = PageSnapshot(
        PageId("1"), {"name": "New"}, fetched, "v26.0", frozenset({"parking", "genre"})
    )
    last = {"name": "Old", "parking": {"lot": 1}, "phone": "+1"}
    assert snapshot.keeping(last).fields == {"name": "New", "parking": {"lot": 1}}
    assert snapshot.keeping({}) is snapshot


def test_what_was_left_out_counts_as_asked_for_as_long_as_its_value_is_kept() -> None:
    asked = FieldList.of(["id", "name"])
    now = replace(snapshot(name="New"), left_out=frozenset({"picture"}), asked=asked)
    kept = now.keeping({"picture": {"url": "a"}}, FieldList.of(["id", "picture{url}", "phone"]))
    assert kept.asked == FieldList.of(["id", "name", "picture{url}"])
    assert kept.fields == {"name": "New", "picture": {"url": "a"}}
    # Where it is not known what was asked for, a value says that it was.
    assert now.keeping({"picture": 1}).asked == FieldList.of(["id", "name", "picture"])
    assert now.keeping({"name": "Old"}) is now
