"""Standard output that may be full or closed: an error of ours, wherever it is written to."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from fbsync.errors import OutputFailed

_DESCRIPTOR = 1
_FAILING = ("strict", "surrogateescape")
"""What fails at a mark or a name that the terminal's encoding does not have."""


class _Output(io.FileIO):
    """The bare file under sys.stdout. Libraries treat an OSError each in its own way, or not."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            is_closed = error.errno == errno.EPIPE
            told = (
                f"Standard output could not be written: {error.strerror}.\n"
                "What is shown is not all, but the command may have done its work; run it again"
                " with a place to write to."
            )
            raise OutputFailed(told, is_closed_pipe=is_closed) from None


def is_descriptor(stream: TextIO, descriptor: int) -> bool:
    """Whether the stream writes to this file descriptor."""
    try:
        return stream.fileno() == descriptor
    except OSError:  # io.UnsupportedOperation, of a stream that is no file
        return False


def hold_closed(descriptor: int) -> None:
    """For one that is closed from the start: a file that is opened later must not get its number.

    What is written to it still fails.
    """
    while os.open(os.devnull, os.O_RDONLY) < descriptor:  # each is the lowest that is free
        pass


@contextmanager
def standard_output() -> Iterator[None]:
    """For all of a command: what it wrote is out at the end. Raises OutputFailed.

    Where a program has put something else in the place of standard output, that stays.
    """
    if sys.stdout is not None and not is_descriptor(sys.stdout, _DESCRIPTOR):
        yield
        return
    if sys.stdout is None:
        hold_closed(_DESCRIPTOR)
        encoding, errors = "utf-8", "strict"
    else:
        sys.stdout.flush()
        encoding, errors = sys.stdout.encoding, sys.stdout.errors or "strict"
    if errors in _FAILING:
        errors = "backslashreplace"  # as Python has it for standard error
    bare = _Output(_DESCRIPTOR, "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(bare), encoding, errors, line_buffering=bare.isatty()
    )
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputFailed:
        # What is left in the buffers would fail once more as Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _DESCRIPTOR)
        os.close(nowhere)
        raise
