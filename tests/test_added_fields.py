"""What fbsync switched on, on SQLite and on PostgreSQL."""

import pytest

from fbsync.database.added_fields import APP, AddedFields
from fbsync.database.engine import Database
from fbsync.page import PageId

ONE, TWO = PageId("1"), PageId("2")


@pytest.fixture
def added(database: Database) -> AddedFields:
    return AddedFields(database)


def test_at_first_nothing_is_ours(added: AddedFields) -> None:
    assert (added.of_app(), added.of_pages()) == (frozenset(), {})


def test_the_app_and_each_page_are_kept_apart(added: AddedFields) -> None:
    added.note({APP: {"name"}, ONE: {"name", "phone"}, TWO: set()})
    assert added.of_app() == {"name"}
    assert added.of_pages() == {ONE: {"name", "phone"}}


def test_what_is_known_may_be_noted_again(added: AddedFields) -> None:
    for fields in ({"name"}, {"name", "phone"}):
        added.note({ONE: fields})
    assert added.of_pages() == {ONE: {"name", "phone"}}


def test_what_is_forgotten_is_that_page_and_that_field_alone(added: AddedFields) -> None:
    added.note({APP: {"name", "phone"}, ONE: {"name", "phone"}, TWO: {"name"}})
    added.forget({APP: {"name"}, ONE: {"phone", "website"}, TWO: set()})
    assert added.of_app() == {"phone"}
    assert added.of_pages() == {ONE: {"name"}, TWO: {"name"}}
