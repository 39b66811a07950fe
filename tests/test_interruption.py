"""How a long command ends early."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import typer
from sqlalchemy import update

from fbsync.database.engine import Database
from fbsync.database.schema import SCHEMA_NUMBER, schema
from fbsync.interruption import INTERRUPTED, Interruption, raise_at_signals


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "is_service", "status"),
    [
        (signal.SIGINT, False, INTERRUPTED),
        (signal.SIGTERM, False, INTERRUPTED),
        (signal.SIGINT, True, INTERRUPTED),
        (signal.SIGTERM, True, 0),
    ],
)
def test_a_signal_ends_it_with_a_word_and_a_status(
    number: signal.Signals, is_service: bool, status: int
) -> None:
    said: list[str] = []
    signal.signal(number, signal.SIG_IGN)  # as in a shell's background
    raise_at_signals()
    with (
        pytest.raises(typer.Exit) as ended,
        Interruption(said.append, is_service).told(lambda: "Stopped after 1 page."),
    ):
        os.kill(os.getpid(), number)
    assert ended.value.exit_code == status
    assert said == [
        "Stopped after 1 page.\nWhat was stored is whole; the next fbsync sync goes on from there."
    ]


def test_what_ends_by_itself_says_nothing() -> None:
    with Interruption(pytest.fail, is_service=True).told(lambda: ""):
        pass


def test_what_was_interrupted_holds_nothing_up(database: Database) -> None:
    def is_interrupted_half_way() -> None:
        writing = database.write()
        writing.__enter__()
        raise KeyboardInterrupt  # before anybody could end it

    def lets_go() -> None:
        with database.write() as connection:
            connection.execute(update(schema).values(number=SCHEMA_NUMBER))

    stop = Interruption(lambda text: None, is_service=False)
    with pytest.raises(typer.Exit), ExitStack() as held:
        held.callback(lets_go)  # while the end is under way, as a sync gives back its run
        held.enter_context(stop.told(lambda: "Stopped."))
        is_interrupted_half_way()
