"""Errors inside uvicorn and asyncio, as lines that an operator may read."""

import asyncio
import errno
import logging

import pytest

from fbsync.listening.server_errors import ServerErrors
from fbsync.notice import Notice


class Told:
    """What was reported, and how often files were lacking."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.lacking = 0
        self.errors = ServerErrors(self.notices.append, self.lack)

    def lack(self) -> None:
        self.lacking += 1

    def details(self) -> list[str]:
        return [notice.detail for notice in self.notices]


@pytest.fixture
def told() -> Told:
    return Told()


def test_an_exception_is_told_by_type_and_place_and_never_by_its_text(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    log = told.errors.logger()
    try:
        raise ValueError("hush")
    except ValueError:
        log.exception("Exception in ASGI application")
    (notice,) = told.notices
    assert (notice.kind, notice.status) == ("failed", 500)
    assert notice.detail.startswith("500 ValueError at test_server_errors.py:")
    assert "hush" not in notice.detail
    assert capfd.readouterr() == ("", "")


def test_a_request_that_the_shutdown_cancels_is_told_as_that(told: Told) -> None:
    told.errors.logger().error("Exception", exc_info=asyncio.CancelledError())
    assert told.details() == ["500 A request was not finished when the server ended."]


def test_what_is_only_about_a_client_is_not_told(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    told.errors.logger().warning("Invalid HTTP request received.")
    told.errors.logger().log(logging.INFO, "more")
    assert told.details() == []
    assert capfd.readouterr() == ("", "")


def test_what_reaches_the_event_loop_is_told_too(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(told.errors.handle_loop)
        loop.call_soon(lambda: 1 / 0)
        lacking = OSError(errno.EMFILE, "Too many open files")
        loop.call_exception_handler({"message": "", "exception": lacking, "socket": None})
        loop.call_exception_handler({"message": "nothing of interest"})
        await asyncio.sleep(0)

    asyncio.run(fail())
    (detail,) = told.details()
    assert detail.startswith("ZeroDivisionError at test_server_errors.py:")
    assert told.lacking == 1
    assert capfd.readouterr() == ("", "")
