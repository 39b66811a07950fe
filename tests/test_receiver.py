"""The working parts of whoever takes in events, on a real database."""

import asyncio

import pytest

from fbsync.companions import working_parts
from fbsync.errors import DatabaseUnavailable
from fbsync.page import PageId
from fbsync.receiver import limited_commit, person_routes
from fbsync.settings.environment import reading
from fbsync.settings.limits import Limits
from fbsync.settings.listener import read_listener
from tests.servers import wait_until
from tests.test_mounted_parts import environ

__all__ = ["environ"]


def test_the_commit_is_refused_above_the_limits(environ: dict[str, str]) -> None:
    environ.pop("FBSYNC_DATABASE_URL")
    with reading(environ) as env:
        settings = read_listener(env)
    limits = Limits(max_waiting=1, max_database_bytes=10**9)
    parts = working_parts(
        settings.app, settings.graph, settings.database, warn=lambda _: None, makes_database=True
    )
    with parts as opened:
        wait_until(lambda: opened.backlog.newest is not None, "the watch's own first look")
        opened.access.inbox.mark([PageId("1"), PageId("2")], "webhook")
        opened.backlog.work()
        with (
            limited_commit(opened, limits) as commit,
            pytest.raises(DatabaseUnavailable, match="FBSYNC_MAX_WAITING"),
        ):
            asyncio.run(commit.probe())
        paths = [route.path for route in person_routes(opened, settings, print, "/there")]
    assert paths == ["/there/deauthorize", "/there/deletion", "/there/deletion/{code}"]
