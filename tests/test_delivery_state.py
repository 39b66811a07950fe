"""Each state of a delivery follows from where its pages stand; on both databases."""

import pytest

from fbsync.database.delivery_log import DeliveryLog, Wanted
from fbsync.database.delivery_state import DELIVERY_STATES, DeliveryState
from fbsync.database.engine import Database
from fbsync.page import PageId
from fbsync.webhook import Delivery
from tests.kept import ONE, THREE, TWO, Kept


@pytest.fixture
def kept(database: Database) -> Kept:
    return Kept(database)


def one_of_each(kept: Kept) -> dict[DeliveryState, Delivery]:
    """Each state has one delivery; those of two pages stand as their worse page does."""
    handled = kept.hear(ONE, text="handled")
    kept.read(ONE)
    failed = kept.hear(TWO, THREE, text="failed")
    kept.park(TWO)
    waiting = kept.hear(ONE, THREE, text="waiting")
    kept.read(ONE)
    return {"handled": handled, "failed": failed, "waiting": waiting, "dead": kept.hear()}


def in_state(kept: Kept, state: DeliveryState) -> list[str]:
    return [found.id for found in DeliveryLog(kept.database).find(Wanted(state=state))]


def test_each_state_follows_from_where_the_pages_stand(kept: Kept) -> None:
    expected = one_of_each(kept)
    log = DeliveryLog(kept.database)
    assert {found.id: found.state for found in log.find(Wanted())} == {
        delivery.id: state for state, delivery in expected.items()
    }
    for state in DELIVERY_STATES:
        assert in_state(kept, state) == [expected[state].id]


def test_a_waiting_delivery_is_handled_when_the_last_of_its_pages_is_read(kept: Kept) -> None:
    kept.hear(ONE, TWO)
    kept.read(ONE)
    assert len(in_state(kept, "waiting")) == 1
    kept.read(TWO)
    assert len(in_state(kept, "handled")) == 1


def test_an_event_during_the_read_waits_and_those_before_it_are_handled(kept: Kept) -> None:
    before = kept.hear(ONE, text="before")
    claim = kept.claim(ONE)
    during = kept.hear(ONE, text="during")
    kept.inbox.finish(claim, None)
    assert in_state(kept, "handled") == [before.id]
    assert in_state(kept, "waiting") == [during.id]


def test_a_test_of_the_dashboard_is_handled_at_once(kept: Kept) -> None:
    test = kept.hear(PageId("0"))
    assert in_state(kept, "handled") == [test.id]
