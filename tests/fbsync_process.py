"""fbsync's commands as processes, as an operator runs them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.servers import wait_until

LOG = "fbsync.logs.log"
BROWSER = (
    f"{sys.executable} -c 'import sys, httpx;"
    " httpx.get(sys.argv[1], follow_redirects=True, trust_env=False)' %s"
)
"""A person who opens the printed address in a browser, and whom the dialog sends back."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


def run_process(*arguments: str, given: str = "", **environ: str) -> Ended:
    """Run `fbsync` to its end; `given` is its standard input."""
    ended = subprocess.run(
        [sys.executable, "-m", "fbsync", *arguments],
        env=environ_of(environ),
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@contextmanager
def running(
    up: str, *arguments: str, program: Sequence[str] = ("fbsync",), **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs until it is stopped, once it has said `up`; killed at the end.

    `program` may be tests.crash with its argument.
    """
    with open(LOG, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *program, *arguments],
            env=environ_of(environ),
            stdout=log,
            stderr=log,
        )
    seen = os.path.getsize(LOG)
    try:

        def is_up() -> bool:
            assert process.poll() is None, log_text()
            with open(LOG, "rb") as file:
                file.seek(seen)
                return up.encode() in file.read()

        wait_until(is_up, f"the start of fbsync {arguments[0]}")
        yield process
    finally:
        process.kill()
        process.wait()


def listener(
    port: int, program: Sequence[str] = ("fbsync",), *options: str, **environ: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """`fbsync listen` on this port, up and answering."""
    arguments = ("listen", "--port", str(port), *options)
    return running("Listening on", *arguments, program=program, **environ)


def worker(
    program: Sequence[str] = ("fbsync",), *options: str, **environ: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """`fbsync worker`, at work."""
    return running("Mirroring marked pages", "worker", *options, program=program, **environ)


def log_text() -> str:
    """What the commands that ran in this test said."""
    with open(LOG, encoding="utf-8") as file:
        return file.read()


def environ_of(changes: Mapping[str, str]) -> dict[str, str]:
    """This environment with these changes, and a browser that follows every address."""
    return {**os.environ, "BROWSER": BROWSER, **changes}
