"""Deliveries done once more; on both databases."""

from collections.abc import Iterable

import pytest
from sqlalchemy import select

from fbsync.database import replay
from fbsync.database.delivery_log import DeliveryLog, KeptDelivery, Wanted
from fbsync.database.engine import Database
from fbsync.database.replay import Replay, Replayed
from fbsync.database.schema import pages
from tests.kept import ONE, THREE, TWO, Kept


@pytest.fixture
def kept(database: Database) -> Kept:
    return Kept(database)


def found(kept: Kept) -> list[KeptDelivery]:
    return list(DeliveryLog(kept.database).find(Wanted()))


def run(kept: Kept, chosen: Iterable[KeptDelivery]) -> Replayed:
    return Replay(kept.database, kept.now).run(one.number for one in chosen)


def test_a_handled_delivery_waits_again_and_is_handled_by_the_next_read(kept: Kept) -> None:
    kept.hear(ONE, TWO)
    kept.read(ONE, TWO)
    replayed = run(kept, found(kept))
    assert (replayed.deliveries, replayed.page_ids) == (1, frozenset({ONE, TWO}))
    (waiting,) = found(kept)
    assert (waiting.state, waiting.copies) == ("waiting", 1)
    kept.read(ONE, TWO)
    assert found(kept)[0].state == "handled"


def test_the_read_that_follows_knows_the_event(kept: Kept) -> None:
    first = kept.hear(ONE, text="first")
    kept.hear(ONE, text="second")
    kept.read(ONE)
    run(kept, [one for one in found(kept) if one.id == first.id])
    assert kept.claim(ONE).event == first.id


def test_of_several_the_newest_event_is_known(kept: Kept) -> None:
    for number in range(5):
        kept.seconds += 1
        newest = kept.hear(ONE, text=str(number))
    kept.read(ONE)
    run(kept, found(kept))
    claim = kept.claim(ONE)
    assert (claim.event, claim.marks) == (newest.id, 10)


def test_a_parked_page_is_read_again(kept: Kept) -> None:
    kept.hear(ONE)
    kept.park(ONE)
    assert found(kept)[0].state == "failed"
    run(kept, found(kept))
    assert found(kept)[0].state == "waiting"
    kept.read(ONE)
    assert found(kept)[0].state == "handled"


def test_a_replay_is_no_event_of_now(kept: Kept) -> None:
    kept.hear(ONE)
    kept.read(ONE)
    heard_at = kept.inbox.pages()[ONE].last_event_at
    kept.seconds += 3600
    run(kept, found(kept))
    assert kept.inbox.pages()[ONE].last_event_at == heard_at
    assert kept.inbox.status().waiting_since == kept.moment()


def test_a_dead_letter_that_can_be_read_now_is_dead_no_more(kept: Kept) -> None:
    body = b'{"object": "page", "entry": [{"id": "3"}]}'
    dead = kept.hear_unread(body)
    replayed = run(kept, found(kept))
    assert replayed.page_ids == {THREE}
    assert replayed.still_dead == ()
    (alive,) = found(kept)
    assert (alive.id, alive.state, alive.page_ids, alive.fault) == (
        dead.id,
        "waiting",
        (THREE,),
        None,
    )
    assert kept.claim(THREE).event == dead.id


def test_a_dead_letter_that_still_names_no_page_stays_dead(kept: Kept) -> None:
    dead = kept.hear_unread(b'{"object": "page"}', "The reason of an older version.")
    replayed = run(kept, found(kept))
    assert replayed.still_dead == (dead.id,)
    (still,) = found(kept)
    assert (still.state, still.fault) == ("dead", "No entry of it names a page.")


def test_many_are_replayed_step_by_step(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "STEP", 2)
    monkeypatch.setattr(replay, "PAUSE_SECONDS", 0)
    for number in range(5):
        kept.hear(ONE, text=str(number))
    kept.read(ONE)
    assert run(kept, found(kept)).deliveries == 5
    with kept.database.read() as connection:
        assert connection.execute(select(pages.c.marks)).scalar_one() == 10


def test_what_is_gone_by_now_counts_not(kept: Kept) -> None:
    kept.hear(ONE)
    replayed = Replay(kept.database).run([99])
    assert (replayed.deliveries, replayed.page_ids) == (0, frozenset())
