"""The demo's sandbox: the simulator as a process, known only by the settings that it prints."""

import os
import subprocess  # noqa: S404 - starts our own simulator, nothing from outside in its arguments
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import AnyStr

from fbsync.errors import FbsyncError

_STOP_SECONDS = 15  # a listener takes up to 10
_LAST_LINE = "FACEBOOK_VERIFY_TOKEN"


@contextmanager
def run_sandbox(pages: int) -> Iterator[dict[str, str]]:
    """Run a sandbox whose dialog consents by itself; yields the settings that lead to it.

    Raises FbsyncError where it does not start.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FACEBOOK")}
    # Its standard input ends with this process, however that ends, and the sandbox with it.
    command = [sys.executable, "-m", "fbsync.sandbox", "--auto-consent", "--until-stdin-ends"]
    process = subprocess.Popen(  # noqa: S603 - see the import
        [*command, "--port", "0", "--pages", str(pages)],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with stopped(process):
        yield _read_settings(process)


@contextmanager
def stopped(process: subprocess.Popen[AnyStr]) -> Iterator[None]:
    """At the end of the block the process is ended, by force where it does not end by itself."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def _read_settings(process: subprocess.Popen[str]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for line in process.stdout or ():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            settings[name] = value
        if name == _LAST_LINE:
            return settings
    raise FbsyncError("The sandbox did not start.\nTry it by itself: fbsync sandbox")
