"""Standard error that may be full or closed: messages may be lost there, work may not."""

import io
import sys
from typing import Any

from fbsync.standard_output import hold_closed, is_descriptor

_DESCRIPTOR = 2


class _Messages(io.FileIO):
    """The bare file under sys.stderr. What it does not take now counts as written."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or len(data)
        except OSError:
            return len(data)


def expendable_standard_error() -> None:
    """From here on, what standard error does not take is lost, and nobody fails for it.

    Where a program has put something else in its place, that stays.
    """
    encoding, errors = "utf-8", "backslashreplace"
    if sys.stderr is None:
        hold_closed(_DESCRIPTOR)
    elif is_descriptor(sys.stderr, _DESCRIPTOR):
        encoding, errors = sys.stderr.encoding, sys.stderr.errors or errors
    else:
        return
    bare = _Messages(_DESCRIPTOR, "w", closefd=False)
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(bare), encoding, errors, line_buffering=True)


def error_is_terminal() -> bool:
    """Whether messages are shown on a terminal, as far as it can be told."""
    ask = getattr(sys.stderr, "isatty", None)
    try:
        return ask is not None and bool(ask())
    except ValueError:  # it is closed
        return False
