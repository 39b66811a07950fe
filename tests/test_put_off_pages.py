"""What did not work at once: tried again together, as long as patience lasts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from fbsync.hallway.refresh import Outcome
from fbsync.page import PageId
from fbsync.patience import Patience
from fbsync.sync.put_off_pages import PutOffPages

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")
NOW = datetime.now(UTC)


def put_off(page: PageId, seconds: float = 0, reason: str = "busy") -> Outcome:
    return Outcome(page, "put off", reason=reason, retry_at=NOW + timedelta(seconds=seconds))


def test_those_that_come_due_soon_after_each_other_are_tried_together() -> None:
    said: list[str] = []
    pages = PutOffPages(Patience(60), said.append)
    for outcome in (put_off(ONE, -9), put_off(TWO, -7), put_off(THREE, -1)):
        pages.add(outcome)
    tried: list[list[PageId]] = []
    assert pages.wait(lambda due: tried.append(list(due))) == []
    assert tried == [[ONE, TWO], [THREE]]
    assert said == ["3 pages did not work at once; trying again for up to 60 seconds. busy"]


def test_one_that_fails_again_is_tried_again_until_patience_ends() -> None:
    pages = PutOffPages(Patience(60), lambda text: None)
    pages.add(put_off(ONE))
    left = [put_off(ONE, reason="again"), put_off(ONE, 3600, "not today")]

    def again(due: Sequence[PageId]) -> None:
        assert due == [ONE]
        pages.add(left.pop(0))

    (outcome,) = pages.wait(again)
    assert outcome.reason == "not today"
    assert left == []


def test_one_that_another_pass_settled_is_tried_no_more() -> None:
    pages = PutOffPages(Patience(60), lambda text: None)
    pages.add(put_off(ONE))
    assert pages.remove(ONE)
    assert not pages.remove(ONE)
    assert pages.wait(lambda due: pytest.fail("nothing is left")) == []
