"""Lines for the log of the program that we are a part of, by Python's `logging`."""

import logging
from datetime import datetime

from fbsync.console import clean
from fbsync.logs.line import Level, LogLine

NAME = "fbsync"
"""The logger's name. No handler is ours: where the lines go, and which, is the program's choice."""

_LEVELS: dict[Level, int] = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def to_program(at: datetime, line: LogLine) -> None:
    """One line. The record's `fbsync` holds what a program wants to find, see LogLine."""
    text = clean(" ".join(f"{line.mark}  {line.text}".strip().splitlines()))
    found = {"time": at.isoformat(timespec="milliseconds"), "kind": line.kind, **line.details}
    logging.getLogger(NAME).log(_LEVELS[line.level], "%s", text, extra={"fbsync": found})
