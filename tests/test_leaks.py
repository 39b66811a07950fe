"""Finding the sandbox's tokens."""

from fbsync.page import PageId
from tests.leaks import has_token
from tests.servers import Sandbox


def test_both_kinds_of_token_are_found_and_nothing_encrypted(sandbox: Sandbox) -> None:
    user = sandbox.log_in()
    page = sandbox.page_token(user, PageId("200000000000001"))
    for token in (user, page):
        assert has_token(b'{"token": "' + token.encode() + b'"}')
        assert has_token(token[:20].encode())
    assert not has_token(b"gAAAAABpdTR3aku0hikIETCtlWlYEAAqeaOGd46ZJa1P3C_Au-7")
