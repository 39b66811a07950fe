"""What libraries and threads have to say goes the way of our own log."""

import json
import logging
import os
import threading

import pytest

from fbsync.logs.format import LogFormat
from fbsync.logs.library import LibraryLog
from fbsync.logs.log import Log


def lines_of(end: int) -> list[dict[str, object]]:
    with open(end, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_a_warning_is_a_line_and_a_traceback_only_its_places(
    capfd: pytest.CaptureFixture[str],
) -> None:
    end, fd = os.pipe()
    with Log(LogFormat.JSON, fd) as log, LibraryLog(log):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("httpx").info("Nobody needs this.")
        try:
            raise KeyError("a secret")
        except KeyError:
            logging.getLogger("asyncio").exception("Task exception was never retrieved\nfuture: x")
    os.close(fd)
    first, second = lines_of(end)
    assert (first["level"], first["message"]) == (
        "warning",
        "uvicorn.error: Invalid HTTP request received.",
    )
    assert second["level"] == "error"
    assert str(second["message"]).startswith(
        "asyncio: Task exception was never retrieved: KeyError at test_logs_library.py:"
    )
    assert "a secret" not in str(second)
    assert capfd.readouterr().err == ""


def test_a_thread_that_fails_is_one_line() -> None:
    def fail() -> None:
        raise ValueError("a secret")

    end, fd = os.pipe()
    with Log(LogFormat.JSON, fd) as log, LibraryLog(log):
        thread = threading.Thread(target=fail, name="fbsync-watch")
        thread.start()
        thread.join()
    os.close(fd)
    (line,) = lines_of(end)
    assert str(line["message"]).startswith(
        "fbsync-watch: ended: ValueError at test_logs_library.py"
    )
    assert "a secret" not in str(line)


def test_afterwards_everything_is_as_it_was() -> None:
    handlers, hook = list(logging.getLogger().handlers), threading.excepthook
    with Log(LogFormat.TEXT) as log, LibraryLog(log):
        pass
    assert (logging.getLogger().handlers, threading.excepthook) == (handlers, hook)
