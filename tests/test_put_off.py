"""Pages that were put off; on both databases."""

from datetime import timedelta

import pytest

from fbsync.database.engine import Database
from fbsync.database.put_off import PutOff, hurry, last_put_off
from fbsync.page import PageId
from tests.kept import ONE, THREE, TWO, Kept


def test_it_is_the_waiting_page_whose_next_try_is_the_latest(database: Database) -> None:
    kept = Kept(database)
    kept.hear(ONE, TWO, THREE)
    assert last_put_off(database) is None
    for page, seconds in ((ONE, 2), (TWO, 4)):
        at = kept.moment() + timedelta(seconds=seconds)
        kept.inbox.retry(kept.claim(page), at, f"Reason {page}.")
    kept.park(THREE, "The token is refused.")
    assert last_put_off(database) == PutOff(TWO, "Reason 2.")
    kept.seconds += 5
    kept.read(ONE, TWO)
    assert last_put_off(database) is None


@pytest.mark.parametrize("pages", [None, [ONE, TWO, THREE]])
def test_what_was_put_off_may_be_hurried_and_then_waits_from_anew(
    database: Database, pages: list[PageId] | None
) -> None:
    kept = Kept(database)
    kept.hear(ONE, TWO, THREE)
    for _ in range(3):
        kept.inbox.retry(kept.claim(ONE), kept.moment(), "Facebook is busy.")
    kept.inbox.retry(kept.claim(ONE), kept.moment() + timedelta(hours=1), "Facebook is busy.")
    kept.park(TWO)
    held = kept.claim(THREE)
    hurry(database, [TWO, THREE])
    assert kept.inbox.claim(3) == []
    hurry(database, pages)
    (again,) = kept.inbox.claim(3)
    assert (again.page_id, again.attempts) == (ONE, 0)
    assert kept.inbox.pages()[TWO].parked
    kept.inbox.finish(held, None)  # its lease is as it was
