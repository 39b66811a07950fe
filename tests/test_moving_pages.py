"""What is known of pages that were stored in another place, until it is brought over."""

import pytest

from fbsync.database.believed_objects import BelievedObjects
from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.moving_pages import MovingPage, MovingPages
from fbsync.database.store_address import StoreAddress
from fbsync.page import PageId, canonical_json
from fbsync.ports import LastStored, history_key, page_key

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")
FIELDS = {"name": "Café"}


@pytest.fixture
def moving(database: Database) -> MovingPages:
    """Page 1 has two versions and is set aside, page 2 one and an event; then the store moved."""
    inbox, address = DatabaseInbox(database), StoreAddress(database)
    address.move_to("old")
    inbox.mark([ONE, TWO, THREE], "sync")
    claims = {claim.page_id: claim for claim in inbox.claim(3)}
    inbox.finish(claims[TWO], LastStored(1, "digest", FIELDS, {1: b"two"}))
    inbox.park(claims[ONE], "gone", LastStored(2, "digest", FIELDS, {1: b"first", 2: b"second"}))
    inbox.mark([TWO], "webhook")
    address.move_to("new")
    return MovingPages(database)


def believed(database: Database) -> list[str]:
    return [entry.key for entry in BelievedObjects(database).entries()]


def test_pages_that_are_not_due_a_read_come_with_their_page_data(moving: MovingPages) -> None:
    assert moving.count() == 2
    assert moving.count([ONE, THREE]) == 1
    assert moving.after("", 10) == [ONE, TWO]
    assert moving.after(ONE, 10) == [TWO]
    assert moving.read([ONE, TWO, THREE]) == [
        MovingPage(ONE, canonical_json(FIELDS), [1, 2], is_parked=True),
        MovingPage(TWO, None, [1]),
    ]


def test_the_bytes_of_a_version_are_known_until_it_arrived(moving: MovingPages) -> None:
    known = [moving.document(page, number) for page, number in ((ONE, 1), (ONE, 2), (ONE, 3))]
    assert known == [b"first", b"second", None]
    moving.arrived("new", [ONE])
    assert moving.document(ONE, 1) is None


def test_no_version_is_believed_in_the_new_place_before_it_was_brought_over(
    moving: MovingPages, database: Database
) -> None:
    assert believed(database) == [page_key(ONE), page_key(TWO)]
    assert moving.arrived("new", [ONE])
    both = [history_key(ONE, 1), history_key(ONE, 2)]
    assert believed(database) == [*both, page_key(ONE), page_key(TWO)]
    assert DatabaseInbox(database).document(ONE, 2) == b"second"
    assert moving.after("", 10) == [TWO]


def test_a_version_that_was_left_out_is_not_believed(
    moving: MovingPages, database: Database
) -> None:
    moving.arrived("new", [ONE, TWO], [(ONE, 1)])
    assert believed(database) == [
        history_key(ONE, 2),
        page_key(ONE),
        history_key(TWO, 1),
        page_key(TWO),
    ]
    assert moving.count() == 0


def test_what_a_worker_stored_meanwhile_stays_as_it_is(
    moving: MovingPages, database: Database
) -> None:
    inbox = DatabaseInbox(database)
    inbox.mark([TWO], "sync")
    (claim,) = inbox.claim(1, [TWO])
    inbox.finish(claim, LastStored(2, "digest", FIELDS, {1: b"adopted", 2: b"newer"}))
    assert moving.arrived("new", [TWO])
    assert [inbox.document(TWO, number) for number in (1, 2)] == [b"adopted", b"newer"]


def test_what_was_brought_to_a_place_that_is_not_the_store_any_more_does_not_count(
    moving: MovingPages, database: Database
) -> None:
    StoreAddress(database).move_to("newer")
    assert not moving.arrived("new", [ONE, TWO])
    assert moving.count() == 2
    assert len(moving.read([ONE])[0].versions) == 2


def test_a_second_move_keeps_what_is_still_to_come_and_what_had_arrived(
    moving: MovingPages, database: Database
) -> None:
    moving.arrived("new", [ONE])
    StoreAddress(database).move_to("old")
    assert moving.read([ONE, TWO]) == [
        MovingPage(ONE, canonical_json(FIELDS), [1, 2], is_parked=True),
        MovingPage(TWO, None, [1]),
    ]
