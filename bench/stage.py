"""What is measured on: a sandbox with its pages, a login, and fbsync's processes in a folder."""

import os
import re
import subprocess  # noqa: S404 - starts fbsync and the receivers beside it
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from fbsync.database.engine import sqlite_url
from fbsync.demo_sandbox import run_sandbox, stopped
from fbsync.listening.application import WEBHOOK_PATH
from tests.ports import free_port

READY_SECONDS = 60.0
_FOREIGN = ("FACEBOOK_", "SPACES_", "FBSYNC_")
_BROWSER = (
    f"{sys.executable} -c 'import sys, httpx;"
    " httpx.get(sys.argv[1], follow_redirects=True, trust_env=False)' %s"
)
"""A person who opens the printed address, and whom the dialog sends back."""


@dataclass(frozen=True)
class Stage:
    """A folder with fbsync's database and store, logged in to a sandbox."""

    folder: Path
    environ: Mapping[str, str]
    page_ids: tuple[str, ...]

    @property
    def app_secret(self) -> str:
        """What deliveries are signed with."""
        return self.environ["FACEBOOK_APP_SECRET"]

    @property
    def database_url(self) -> str:
        """Of the SQLite file."""
        return self.environ["FBSYNC_DATABASE_URL"]

    def sandbox(self) -> httpx.Client:
        """For what the pages' owner does."""
        url = self.environ["FACEBOOK_GRAPH_URL"]
        return httpx.Client(base_url=url, trust_env=False, timeout=READY_SECONDS)

    def fbsync(self, *arguments: str) -> None:
        """Run a command to its end. Raises RuntimeError where it fails."""
        ended = subprocess.run(  # noqa: S603 - see the import
            [sys.executable, "-m", "fbsync", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"fbsync {' '.join(arguments)} failed: {ended.stderr.strip()}")


@contextmanager
def stage(pages: int) -> Iterator[Stage]:
    """A sandbox with so many pages, and one person logged in to all of them."""
    with TemporaryDirectory(prefix="fbsync-bench-") as name, run_sandbox(pages) as settings:
        folder = Path(name)
        ours = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        environ = {
            **ours,
            **settings,
            "BROWSER": _BROWSER,
            "FACEBOOK_REDIRECT_URI": f"http://localhost:{free_port()}/facebook/callback",
            "FBSYNC_DATABASE_URL": sqlite_url(folder / "fbsync.sqlite3"),
            "FBSYNC_STORE_DIR": str(folder / "store"),
        }
        del environ["FACEBOOK_WEBHOOK_ADDRESS"]
        with httpx.Client(base_url=settings["FACEBOOK_GRAPH_URL"], trust_env=False) as client:
            listed = client.get("/_sandbox/pages", timeout=READY_SECONDS).json()["data"]
        made = Stage(folder, environ, tuple(page["id"] for page in listed))
        made.fbsync("login", "--only")
        yield made


@contextmanager
def listener(on: Stage, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`fbsync listen` with its log in a file, and the port that it listens on."""
    log = on.folder / "listen.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "fbsync", "listen", "--port", "0", *options]
        process = subprocess.Popen(  # noqa: S603 - see the import
            command, env=on.environ, stdout=file, stderr=file, cwd=on.folder
        )
    with stopped(process):
        pattern = rf"Listening on http://127\.0\.0\.1:(\d+){WEBHOOK_PATH}"
        end = time.monotonic() + READY_SECONDS
        while not (found := re.search(pattern, log.read_text())):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The listener did not start: {log.read_text()}")
            time.sleep(0.05)
        yield process, int(found[1])


@contextmanager
def receiver(on: Stage, name: str) -> Iterator[int]:
    """One of bench.receivers; the port that it listens on."""
    with TemporaryDirectory(dir=on.folder) as folder:
        root = str(Path(__file__).parent.parent)
        process = subprocess.Popen(  # noqa: S603 - see the import
            [sys.executable, "-m", "bench.receivers", name],
            env={**on.environ, "PYTHONPATH": root},
            cwd=folder,
            stdout=subprocess.PIPE,
        )
        with stopped(process):
            line = process.stdout.readline() if process.stdout else b""
            yield int(line)
