"""What a kept body says; any bytes will do."""

import pytest

from fbsync.delivery_body import changed_fields, pretty


def test_fields_stand_in_changes_or_in_a_list_of_names() -> None:
    body = (
        b'{"object": "page", "entry": ['
        b'{"id": "1", "changes": [{"field": "name"}, {"field": "phone"}, {"field": "name"}]},'
        b'{"id": "2", "changed_fields": ["hours", "name"]},'
        b'{"id": "1", "changes": [{"field": "bio"}]}]}'
    )
    assert changed_fields(body) == {"1": ["name", "phone", "bio"], "2": ["hours", "name"]}


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"null", b"[]", b'{"entry": 3}', b'{"entry": [1, "x"]}', b"[" * 100_000],
)
def test_a_shape_that_is_not_known_names_no_field(body: bytes) -> None:
    assert changed_fields(body) == {}


def test_an_entry_without_a_list_of_changes_names_no_field() -> None:
    assert changed_fields(b'{"entry": [{"id": 1, "changes": {"field": "x"}}]}') == {"1": []}


def test_json_is_indented_with_its_characters_unescaped() -> None:
    assert pretty(b'{"name":"Caf\\u00e9"}') == '{\n  "name": "Café"\n}'


@pytest.mark.parametrize("body", [b"no json", b"[" * 5000, b"9" * 5000])
def test_what_cannot_be_read_is_shown_as_it_is(body: bytes) -> None:
    assert pretty(body) == body.decode()


def test_bytes_that_are_no_text_are_shown_with_marks_in_their_place() -> None:
    assert pretty(b"\xff\xfea") == "\ufffd\ufffda"
