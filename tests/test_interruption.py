"""How a long command ends early."""

import os
import signal
from collections.abc import Iterator

import pytest
import typer

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
