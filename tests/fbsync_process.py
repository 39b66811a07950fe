"""fbsync's commands as processes, as an operator runs them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.servers import wait_until

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


def run(*arguments: str, given: str = "", **environ: str) -> Ended:
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
def listener(
    port: int, program: Sequence[str] = ("fbsync",), **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`fbsync listen` on this port, up and answering; killed at the end if it still runs.

    `program` may be tests.crash with its argument.
    """
    with open("listen.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *program, "listen", "--port", str(port)],
            env=environ_of(environ),
            stdout=log,
            stderr=log,
        )
    seen = os.path.getsize("listen.log")
    try:

        def is_up() -> bool:
            assert process.poll() is None, log_text()
            with open("listen.log", "rb") as file:
                file.seek(seen)
                return b"Listening on" in file.read()

        wait_until(is_up, "the start of the listener")
        yield process
    finally:
        process.kill()
        process.wait()


def log_text() -> str:
    """What the listeners of this test said."""
    with open("listen.log", encoding="utf-8") as file:
        return file.read()


def environ_of(changes: Mapping[str, str]) -> dict[str, str]:
    """This environment with these changes, and a browser that follows every address."""
    return {**os.environ, "BROWSER": BROWSER, **changes}
