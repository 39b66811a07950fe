"""The warning of logins that end: at once, and again and again while a command runs."""

import inspect
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from fbsync.errors import DatabaseUnavailable
from fbsync.expiry import Lifetime
from fbsync.expiry_watch import ExpiryWatch

FAR = Lifetime("1", "Ada", None, None)


def soon() -> Lifetime:
    return Lifetime("1", "Sam", datetime.now(UTC) + timedelta(days=3), None)


class Heard:
    """Warnings so far; `third` is set by the third one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.third = threading.Event()

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        if len(self.texts) == 3:
            self.third.set()


def test_it_warns_at_once_of_those_that_end_soon() -> None:
    heard = Heard()
    with ExpiryWatch(lambda: [FAR, soon()], heard):
        assert len(heard.texts) == 1
    assert "Sam" in heard.texts[0]


def test_it_warns_again_as_long_as_the_block_lasts_and_not_after_it() -> None:
    heard = Heard()
    with ExpiryWatch(lambda: [soon()], heard, seconds=0.001):
        assert heard.third.wait(60)
    assert [thread for thread in threading.enumerate() if thread.name == "fbsync-expiry"] == []


def test_a_day_lies_between_two_looks() -> None:
    default = inspect.signature(ExpiryWatch).parameters["seconds"].default
    assert timedelta(seconds=default) == timedelta(days=1)


def test_a_database_that_does_not_answer_is_told_and_asked_again() -> None:
    heard = Heard()
    answers: list[Sequence[Lifetime] | None] = [None]

    def lifetimes() -> Sequence[Lifetime]:
        if answers:
            answers.pop()
            raise DatabaseUnavailable("It is locked.")
        return [soon()]

    with ExpiryWatch(lifetimes, heard, seconds=0.001):
        assert heard.third.wait(60)
    assert "It is locked." in heard.texts[0]
    assert "Sam" in heard.texts[1]
