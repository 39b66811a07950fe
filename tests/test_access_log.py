"""uvicorn's access log without the verify token; on a real uvicorn in test_mounted."""

import io
import logging
from collections.abc import Iterator

import pytest
from uvicorn.logging import AccessFormatter

from fbsync.access_log import hide_verify_token

LOGGER = logging.getLogger("uvicorn.access")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What uvicorn's formatter makes of the log."""
    before, level = LOGGER.filters[:], LOGGER.level
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(AccessFormatter("%(client_addr)s %(request_line)s %(status_code)s"))
    LOGGER.filters.clear()
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield written
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)
    LOGGER.filters[:] = before


def log(path: str) -> None:
    LOGGER.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", path, "1.1", 200)


def test_the_token_is_hidden_and_the_rest_stays(lines: io.StringIO) -> None:
    hide_verify_token()
    hide_verify_token()
    for name in ("hub.verify_token", "hub%2Everify_token"):
        log(f"/facebook/webhook?hub.mode=subscribe&{name}=hush&hub.challenge=7")
    log("/pages?token=1")
    hidden = "/facebook/webhook?hub.mode=subscribe&{}=***&hub.challenge=7"
    assert lines.getvalue().splitlines() == [
        f"127.0.0.1:1 GET {hidden.format('hub.verify_token')} HTTP/1.1 200 OK",
        f"127.0.0.1:1 GET {hidden.format('hub%2Everify_token')} HTTP/1.1 200 OK",
        "127.0.0.1:1 GET /pages?token=1 HTTP/1.1 200 OK",
    ]
    assert len(LOGGER.filters) == 1
