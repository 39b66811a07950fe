"""The log of `listen` and `worker`, which an error that ends the command closes."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from fbsync.errors import FbsyncError
from fbsync.exit_status import status_of
from fbsync.logs.format import LogFormat
from fbsync.logs.library import LibraryLog
from fbsync.logs.log import Log


@contextmanager
def command_log(chosen: LogFormat) -> Iterator[Log]:
    """The log, on standard error. An error in the block is a line of it, and the exit status."""
    with Log(chosen) as log, LibraryLog(log):
        try:
            yield log
        except FbsyncError as error:
            log.say(str(error), "error", "error")
            raise typer.Exit(status_of(error)) from None
