"""What goes wrong inside uvicorn and asyncio, as a notice and a count instead of a traceback."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from fbsync.notice import Notice
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
        if not record.exc_info or record.exc_info[1] is None:
            return
        error = record.exc_info[1]
        told = f"500 {describe(error)}"
        if isinstance(error, asyncio.CancelledError):
            told = "500 A request was not finished when the server ended."
        self._report(Notice("failed", told, 500))

    def handle_loop(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """For `loop.set_exception_handler`."""
        error = context.get("exception")
        if isinstance(error, OSError) and "socket" in context:  # of accept; asyncio tries again
            self._no_files()
        elif error is not None:
            self._report(Notice("failed", describe(error)))  # not a request's, so without a status
