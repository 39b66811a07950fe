"""A command that runs inside the tests' process does as it does in one of its own."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from fbsync.database.engine import Database, sqlite_url
from tests.fbsync_inside import run
from tests.fbsync_process import run_process


@pytest.mark.parametrize(
    "arguments", [("--help",), ("fly",), ("sync",), ("events", "--limit", "x"), ("status",)]
)
def test_it_says_the_same_and_ends_alike(arguments: tuple[str, ...]) -> None:
    url = sqlite_url(Path("f.sqlite3").absolute())
    Database(url).close()
    inside = run(*arguments, FBSYNC_DATABASE_URL=url)
    process = run_process(*arguments, FBSYNC_DATABASE_URL=url)
    assert inside == process


def test_what_others_write_meanwhile_is_not_its_own() -> None:
    done = threading.Event()

    def chatter() -> None:
        while not done.wait(0.001):
            print("theirs", file=sys.stderr)

    other = threading.Thread(target=chatter)
    other.start()
    try:
        ended = run("sync")
    finally:
        done.set()
        other.join()
    assert "FACEBOOK_APP_ID" in ended.err
    assert "theirs" not in ended.err


def test_it_leaves_the_tests_process_as_it_was() -> None:
    def state() -> list[object]:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return [dict(os.environ), sys.argv, sys.stdin, sys.stdout, sys.stderr, *handlers]

    before = state()
    app = {"FACEBOOK_APP_ID": "1" * 15, "FACEBOOK_APP_SECRET": "0123456789abcdef" * 2}
    assert run("sync", **app).status == 1  # it sets handlers of signals
    assert state() == before
