"""How a long command ends early: by Ctrl-C or by SIGTERM, in order, and with a word on how far."""

import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

INTERRUPTED = 130
"""As of a program that Ctrl-C ended: 128 and the signal's number."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


def raise_at_signals() -> None:
    """Both raise, in the main thread, where a shell's background ignores Ctrl-C too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)


@dataclass(frozen=True)
class Interruption:
    """`say` tells the person. `is_service`: the command runs until it is told to end by SIGTERM,
    which so is its proper end, with status 0; of any other, it did not come to its end.
    """

    say: Callable[[str], None]
    is_service: bool

    @contextmanager
    def told(self, how_far: Callable[[], str]) -> Iterator[None]:
        """What comes in this block ends the command. Raises typer.Exit."""
        try:
            yield
        except KeyboardInterrupt as signalled:
            # It may have come as a connection was being given back, which nobody does any more.
            traceback.clear_frames(signalled.__traceback__)
            self.say(
                f"{how_far()}\nWhat was stored is whole; the next fbsync sync goes on from there."
            )
            is_proper = self.is_service and isinstance(signalled, Terminated)
            raise typer.Exit(0 if is_proper else INTERRUPTED) from None


def _terminate(_number: int, _frame: object) -> None:
    raise Terminated
