"""What goes wrong inside uvicorn and asyncio, as a notice and a count instead of a traceback."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from fbsync.listener import Notice
from fbsync.unforeseen import describe


class ServerErrors(logging.Handler):
    """A handler for uvicorn's logger, and for the exceptions that reach the event loop."""

    def __init__(self, report: Callable[[Notice], None], no_files: Callable[[], None]) -> None:
        """`no_files` is called when a connection cannot be accepted for lack of descriptors."""
        super().__init__(logging.WARNING)
        self._report = report
        self._no_files = no_files

    def logger(self) -> logging.Logger:
        """One that nobody else has, with this handler."""
        log = logging.Logger("uvicorn.error", logging.WARNING)
        log.addHandler(self)
        return log

    def emit(self, record: logging.LogRecord) -> None:
        """Records without an exception are about clients, and the edge counts those."""
        if record.exc_info and record.exc_info[1]:
            self._tell(record.exc_info[1])

    def handle_loop(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """For `loop.set_exception_handler`."""
        error = context.get("exception")
        if isinstance(error, OSError) and "socket" in context:  # of accept; asyncio tries again
            self._no_files()
        elif error is not None:
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            told = "A request was not finished when the server ended."
            self._report(Notice("failed", told, 500))
        else:
            self._report(Notice("failed", describe(error)))
