"""Which fields are asked for, and what of an answer is kept."""

import pytest

from fbsync.errors import DatabaseUnavailable, FieldRefused
from fbsync.field_list import FieldList
from fbsync.graph.page_fields import PageFields
from fbsync.page import PageId
from tests.instant import FieldsInMemory

ONE = PageId("1")


def refusal(field: str) -> FieldRefused:
    return FieldRefused("Refused.", field)


def test_further_fields_are_asked_for_once() -> None:
    fields = PageFields(("id", "name", "picture{url,cache_key}"), FieldsInMemory())
    assert fields.asked() == "id,name,picture{url,cache_key}"
    assert fields.asked("name", "tasks") == "id,name,picture{url,cache_key},tasks"


def test_the_id_is_asked_for_though_nobody_wants_it() -> None:
    assert PageFields(("name",), FieldsInMemory()).asked("tasks") == "id,name,tasks"


def test_an_expanded_field_is_left_out_by_its_name() -> None:
    memory = FieldsInMemory()
    fields = PageFields(("id", "picture{url}", "phone"), memory)
    for _ in range(2):  # the second one is of a call that was on its way
        fields.leave_out(refusal("picture"), asked="id,picture{url},phone")
    assert fields.asked() == "id,phone"
    assert memory.added == ["picture"]
    assert fields.snapshot(ONE, {"id": "1"}, "v26.0").asked == FieldList.of(["id", "phone"])


@pytest.mark.parametrize("field", ["id", "name", "tasks"])
def test_what_cannot_be_left_out_stays_an_error(field: str) -> None:
    memory = FieldsInMemory()
    with pytest.raises(FieldRefused):
        PageFields(("id", "name"), memory).leave_out(refusal(field), asked="id,name,tasks")
    assert memory.added == []


def test_a_field_that_is_not_remembered_is_not_left_out_either() -> None:
    class Gone(FieldsInMemory):
        def add(self, name: str) -> None:
            raise DatabaseUnavailable("It is gone.")

    fields = PageFields(("id", "phone"), Gone())
    with pytest.raises(DatabaseUnavailable):
        fields.leave_out(refusal("phone"), asked="id,phone")
    assert fields.asked() == "id,phone"


def test_only_wanted_fields_are_kept() -> None:
    fields = PageFields(("id", "picture{url}", "phone"), FieldsInMemory("phone"))
    data = {"id": "1", "access_token": "EAA", "picture": {"data": {}}}
    snapshot = fields.snapshot(ONE, data, "v26.0")
    assert snapshot.fields == {"id": "1", "picture": {"data": {}}}
    assert snapshot.left_out == {"phone"}
    assert snapshot.asked == FieldList.of(["id", "picture{url}"])
