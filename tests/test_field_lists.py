"""Which list of fields a page was last asked for, on SQLite and on PostgreSQL."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import field_lists, pages
from fbsync.field_list import FieldList
from fbsync.page import PageId
from fbsync.ports import LastStored

ONE, TWO = PageId("1"), PageId("2")
NARROW, WIDE = FieldList.of(["id", "name"]), FieldList.of(["id", "name", "picture{url,width}"])
STORED = LastStored(1, "digest", {"name": "Bakery"}, asked=NARROW)


@pytest.fixture
def inbox(database: Database) -> DatabaseInbox:
    """Two pages, stored as they were read with the narrow list."""
    made = DatabaseInbox(database)
    made.mark([ONE, TWO], "sync")
    for claim in made.claim(50):
        made.finish(claim, STORED)
    return made


def test_it_is_told_by_claims_and_states(inbox: DatabaseInbox) -> None:
    assert [state.last for state in inbox.pages().values()] == [STORED, STORED]
    inbox.mark([ONE], "sync")
    (claim,) = inbox.claim(50)
    assert claim.last == STORED
    inbox.finish(claim, None)
    assert [held.last for held in inbox.hold([TWO])] == [STORED]


def test_another_list_is_noted_for_some_pages_and_the_rest_stays(inbox: DatabaseInbox) -> None:
    inbox.note_asked([TWO], WIDE)
    found = inbox.pages()
    assert [found[page].last for page in (ONE, TWO)] == [STORED, replace(STORED, asked=WIDE)]


def test_digests_are_those_of_pages_that_were_asked_for_this_list(inbox: DatabaseInbox) -> None:
    inbox.note_asked([TWO], WIDE)
    assert inbox.digests([ONE, TWO], NARROW) == {ONE: "digest"}
    assert inbox.digests([ONE, TWO], WIDE) == {TWO: "digest"}
    assert inbox.digests([ONE, TWO]) == {}


def test_a_page_of_which_no_list_is_known_has_none(
    inbox: DatabaseInbox, database: Database
) -> None:
    with database.write() as connection:  # as a database of schema 6 has it
        connection.execute(pages.update().values(asked=None))
    last = inbox.pages()[ONE].last
    assert last == replace(STORED, asked=None)
    assert inbox.digests([ONE, TWO], NARROW) == {}


def test_each_list_is_kept_once_by_however_many_processes(
    inbox: DatabaseInbox, database: Database
) -> None:
    for _ in range(2):
        for asked in (WIDE, NARROW):
            DatabaseInbox(database).note_asked([ONE, TWO], asked)
    with database.read() as connection:
        count = select(func.count()).select_from(field_lists)
        assert connection.execute(count).scalar_one() == 2
