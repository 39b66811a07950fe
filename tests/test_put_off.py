"""The page that was put off last; on both databases."""

from datetime import timedelta

from fbsync.database.engine import Database
from fbsync.database.put_off import PutOff, last_put_off
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
