"""Warnings of the libraries, and errors of threads, as lines of our log: without a traceback."""

import logging
import threading
from types import TracebackType

from fbsync.logs.log import Log
from fbsync.unforeseen import describe


class LibraryLog(logging.Handler):
    """Takes what libraries log as warnings and errors, for as long as its block lasts.

    Their own way out, standard error, would block the thread that logs; and a library that logs
    each client's fault with a traceback can be made to flood it.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def __enter__(self) -> "LibraryLog":
        self._hook = threading.excepthook
        threading.excepthook = self._thread_failed
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        logging.getLogger().removeHandler(self)
        threading.excepthook = self._hook

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        error = record.exc_info[1] if record.exc_info else None
        text = record.getMessage().partition("\n")[0]
        if error is not None:
            text = f"{text.rstrip('. ')}: {describe(error)}"
        is_error = record.levelno >= logging.ERROR
        self._log.library(record.name, text, "error" if is_error else "warning")

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        name = failed.thread.name if failed.thread else "a thread"
        told = describe(failed.exc_value) if failed.exc_value else failed.exc_type.__name__
        self._log.library(name, f"ended: {told}", "error")
