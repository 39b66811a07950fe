"""The database fails under a running `fbsync listen`: nothing that was answered 200 is lost.

Each case is a real process, a real file or server, and a real fault.
"""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event

import httpx
import pytest
from sqlalchemy import select

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.schema import deliveries
from tests.fbsync_process import listener, log_text, worker
from tests.ports import free_port
from tests.servers import PostgresCluster, fill, wait_until
from tests.test_listening_application import SECRET, TOKEN, handshake, sha256

ANSWER_SECONDS = 10.0
"""Within this each request is answered, whatever happens; a test machine may be slow."""

LOCK_SECONDS = float(os.environ.get("FBSYNC_TEST_LOCK_SECONDS", "5"))
"""How long another process holds the lock. The full half minute is run by hand."""


@dataclass
class Listening:
    """A listener as its own process, what was answered with 200, and what became of it."""

    process: subprocess.Popen[bytes]
    url: str
    database_url: str
    client: httpx.Client
    promised: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    last: int = 0

    def send(self, size: int = 0) -> httpx.Response:
        """A new event about one page."""
        change = {"field": "name", "value": "x" * size}
        page = next(self.numbers)
        entry = {"id": str(page), "time": 1, "changes": [change]}
        body = json.dumps({"object": "page", "entry": [entry]}).encode()
        answer = self.client.post(self.url, content=body, headers=sha256(body))
        if answer.status_code == 200:
            self.promised.add(hashlib.sha256(body).hexdigest())
            self.last = page
        return answer

    def accepts(self) -> bool:
        return self.send().status_code == 200

    def is_refused(self, why: str, size: int = 0) -> bool:
        """Whether an event is refused for this reason; as an outage must look to Meta."""
        answer = self.send(size)
        if answer.status_code == 200:
            return False
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        return why in answer.json()["message"]

    def check_that_it_lives(self) -> None:
        """The handshake needs no database; nothing ended."""
        answer = self.client.get(self.url, params=handshake())
        assert (answer.status_code, answer.text) == (200, "1158201444")
        assert self.process.poll() is None

    def check_that_nothing_is_lost(self) -> None:
        """Every promise is in the database."""
        with closing(Database(self.database_url)) as database, database.read() as connection:
            kept = set(connection.execute(select(deliveries.c.digest)).scalars())
        assert self.promised
        assert self.promised <= kept

    def check_that_it_is_well_again(self) -> None:
        assert self.accepts()
        self.wait_for_the_worker()
        self.check_that_nothing_is_lost()

    def wait_for_the_worker(self) -> None:
        """Until it has seen the page of the last event."""
        wait_until(lambda: f"page {self.last}" in log_text(), "the worker's view of the last page")


def settings_for(database_url: str) -> dict[str, str]:
    """Nobody is logged in, so the worker parks each page and calls nobody."""
    return {
        "FACEBOOK_APP_ID": "123456789012345",
        "FACEBOOK_APP_SECRET": SECRET,
        "FACEBOOK_VERIFY_TOKEN": TOKEN,
        "FACEBOOK_GRAPH_URL": "http://127.0.0.1:1",
        "FBSYNC_DATABASE_URL": database_url,
        "FBSYNC_TOKEN_KEY": "A" * 43 + "=",
    }


@contextmanager
def listening(database_url: str, *options: str, **changes: str) -> Iterator[Listening]:
    port = free_port()
    settings = settings_for(database_url) | changes
    url = f"http://127.0.0.1:{port}/facebook/webhook"
    with (
        listener(port, ("tests.quick_looks",), *options, **settings) as process,
        httpx.Client(trust_env=False, timeout=ANSWER_SECONDS) as client,
    ):
        yield Listening(process, url, database_url, client)
        assert "Traceback" not in log_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "f.sqlite3"


@pytest.fixture
def running(file: Path) -> Iterator[Listening]:
    with listening(sqlite_url(file)) as started:
        assert started.accepts()
        yield started


def test_another_process_holds_the_lock(running: Listening, file: Path) -> None:
    ended = Event()
    holding = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        " c.execute('begin exclusive'); print('held', flush=True); time.sleep(float(sys.argv[2]))"
    )
    command = [sys.executable, "-c", holding, str(file), str(LOCK_SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"

        def keep_sending(_: int) -> int:
            refused = 0
            while not ended.is_set():
                refused += running.send().status_code == 503
            return refused

        with ThreadPoolExecutor(8) as senders:
            counts = senders.map(keep_sending, range(8))
            running.check_that_it_lives()
            assert other.wait() == 0
            wait_until(running.accepts, "an answer after the lock")
            ended.set()
            assert all(counts)
    running.check_that_it_is_well_again()


def test_the_file_is_moved_away_and_back(running: Listening, file: Path) -> None:
    aside = file.with_suffix(".aside")
    file.rename(aside)
    assert running.is_refused("removed under the running program")
    running.check_that_it_lives()
    assert not file.exists()
    aside.rename(file)
    running.check_that_it_is_well_again()


def test_the_file_is_unlinked(running: Listening, file: Path) -> None:
    spare = file.with_suffix(".spare")
    os.link(file, spare)  # what a person can restore from, and what tells that nothing is lost
    file.unlink()
    for _ in range(3):
        assert running.is_refused("removed under the running program")
    running.check_that_it_lives()
    # Neither the worker nor a new connection made an empty file in its place.
    assert not file.exists()
    os.link(spare, file)
    running.check_that_it_is_well_again()


def test_the_file_is_replaced_by_a_copy(running: Listening, file: Path) -> None:
    copy = file.with_suffix(".copy")
    shutil.copy(file, copy)
    os.replace(copy, file)
    for _ in range(3):
        assert running.is_refused("replaced under the running program")
    running.check_that_it_lives()
    running.check_that_nothing_is_lost()  # the copy held what was promised, and was left alone


def test_a_write_error_closes_the_gate_until_the_file_was_read_through(
    running: Listening, file: Path
) -> None:
    # The kernel lets no file of this process grow: EFBIG, which SQLite takes for an I/O error.
    unlimited = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    size = file.stat().st_size
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, unlimited[1]))
    assert running.is_refused("disk I/O error", size=500_000)
    running.check_that_it_lives()
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, unlimited)
    wait_until(running.accepts, "the gate's opening")
    assert running.send(size=500_000).status_code == 200
    running.check_that_it_is_well_again()


def test_a_destroyed_header_closes_the_gate_until_it_is_restored(
    running: Listening, file: Path
) -> None:
    running.wait_for_the_worker()  # it writes no more
    header = file.read_bytes()[:100]
    overwrite(file, bytes(100))
    wait_until(lambda: running.is_refused("not a database"), "the discovery")
    for _ in range(3):
        assert running.is_refused("not a database")
    running.check_that_it_lives()
    overwrite(file, header)
    wait_until(running.accepts, "the gate's opening")
    running.check_that_it_is_well_again()


def overwrite(file: Path, beginning: bytes) -> None:
    with file.open("r+b") as opened:
        opened.write(beginning)


def test_the_disk_is_full(small_disk: Path) -> None:
    with listening(sqlite_url(small_disk / "f.sqlite3")) as running:
        assert running.accepts()
        filler = small_disk / "filler"
        fill(filler)
        # First SQLite's own word, and from the next look on ours.
        assert running.is_refused("full", size=500_000) or running.is_refused("are free")
        wait_until(lambda: running.is_refused("are free"), "the look at the disk")
        running.check_that_it_lives()
        filler.unlink()
        wait_until(running.accepts, "the next look at the disk")
        running.check_that_it_is_well_again()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_postgresql_is_stopped_and_started(
    postgresql_cluster: PostgresCluster, how: signal.Signals
) -> None:
    with listening(postgresql_cluster.server.new_database()) as running:
        assert running.accepts()
        postgresql_cluster.stop(how)
        assert running.is_refused("")
        running.check_that_it_lives()
        postgresql_cluster.start()
        wait_until(running.accepts, "the connection to the new server")
        running.check_that_it_is_well_again()


def test_postgresql_hangs(postgresql_cluster: PostgresCluster) -> None:
    with listening(postgresql_cluster.server.new_database()) as running:
        assert running.accepts()
        with postgresql_cluster.hanging():
            assert running.is_refused("")
            running.check_that_it_lives()
        wait_until(running.accepts, "an answer after the pause")
        running.check_that_it_is_well_again()


def test_too_much_waits(file: Path) -> None:
    limit = {"FBSYNC_MAX_WAITING": "1"}
    with listening(sqlite_url(file), "--no-worker", **limit) as running:
        wait_until(lambda: running.is_refused("FBSYNC_MAX_WAITING"), "the look at the backlog")
        running.check_that_it_lives()
        with worker(**settings_for(sqlite_url(file))):
            wait_until(running.accepts, "the look after the worker")
        running.check_that_nothing_is_lost()
