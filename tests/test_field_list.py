"""The list of page fields that are asked for, and its changes."""

import pytest

from fbsync.field_list import FieldList, ListChange, are_mirror_fields, field_name, split_fields


def test_a_field_list_is_split_outside_braces_and_parentheses_only() -> None:
    text = "id, picture{url,cache_key},albums.limit(2){id,name},,name"
    assert split_fields(text) == (
        "id",
        "picture{url,cache_key}",
        "albums.limit(2){id,name}",
        "name",
    )


def test_a_field_answers_under_its_bare_name() -> None:
    assert [field_name(text) for text in ("name", "picture{url}", "albums.limit(2){id}")] == [
        "name",
        "picture",
        "albums",
    ]


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        (("id", "name", "picture{url}"), True),
        (("albums.limit(2){id}",), True),
        ((), False),
        (("access_token",), False),
        (("picture{url,access_token}",), False),
        (("page_token",), False),
        (("name&x=1",), False),
        (("Name",), False),
    ],
)
def test_a_mirror_never_asks_for_tokens_or_odd_names(
    fields: tuple[str, ...], allowed: bool
) -> None:
    assert are_mirror_fields(fields) is allowed


def test_a_list_is_the_same_in_whatever_order_and_comes_back_from_its_text() -> None:
    made = FieldList.of(["phone", "id", "picture{url,width}", "id"])
    assert made == FieldList.of(["picture{url,width}", "id", "phone"])
    assert str(made) == "id,phone,picture{url,width}"
    assert FieldList.parse(str(made)) == made
    assert FieldList.parse(str(made)).key == made.key
    assert made.key != FieldList.of(["id", "phone"]).key
    assert len(made.key) == 16


def test_a_field_with_other_subfields_came_and_went() -> None:
    before, after = FieldList.of(["id", "phone", "picture{url}"]), FieldList.of(["id", "picture"])
    change = ListChange.between(before, after)
    assert change == ListChange(("picture",), ("phone", "picture{url}"))
    assert change.names == {"picture", "phone"}
    assert change.undone(after) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, FieldList(("id",))), (FieldList(("id",)), None), (FieldList(("id",)),) * 2],
)
def test_nothing_is_said_of_equal_lists_or_of_one_that_is_not_known(
    before: FieldList | None, after: FieldList | None
) -> None:
    assert not ListChange.between(before, after)
