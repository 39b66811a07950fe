"""Syncs on the sandbox: interrupted, beside each other, and beside a listener."""

import json
import os
import re
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from fbsync.database.engine import Database
from fbsync.database.sync_runs import SyncRuns
from fbsync.page import PageId
from fbsync.ports import history_key, page_key
from fbsync.sandbox.world import Switches, World
from fbsync.store.directory import DirectoryStore
from tests import servers
from tests.buckets import keys_in
from tests.fbsync_inside import log_in_and_subscribe, run
from tests.fbsync_process import listener, log_text, run_process, running
from tests.ports import free_port
from tests.servers import Sandbox, wait_until
from tests.test_call_counts import settings

PAGES = 150


class Town:
    """A sandbox with some hundred pages, logged in and subscribed, and their store."""

    def __init__(self, sandbox: Sandbox, environ: dict[str, str], folder: Path, port: int) -> None:
        self.sandbox = sandbox
        self.environ = environ
        self.port = port
        self.store = DirectoryStore(folder / "store", "facebook")
        self.page_ids = [PageId(page) for page in sandbox.world.page_ids]

    def rename(self, page: PageId, name: str) -> None:
        """As its owner does."""
        answer = self.sandbox.client.post(f"/_sandbox/pages/{page}", json={"name": name})
        assert answer.is_success

    def name(self, page: PageId) -> object:
        found = self.store.get(page_key(page))
        return json.loads(found)["name"] if found else None

    def now(self, page: PageId) -> dict[str, object]:
        """The page at Facebook."""
        return self.sandbox.world.page(page) or {}

    def assert_whole(self) -> None:
        """Each page is there as it is, with versions from 1 on without a gap, the last its own."""
        for page in self.page_ids:
            current = json.loads(self.store.get(page_key(page)) or b"{}")
            assert current["name"] == self.now(page)["name"]
            keys = keys_in(self.store, f"{page}/history/")
            assert keys == [history_key(page, n) for n in range(1, len(keys) + 1)]
            entries = [json.loads(self.store.get(key) or b"") for key in keys]
            assert entries[-1]["snapshot"] == current
            for before, after in zip(entries, entries[1:], strict=False):
                assert before["snapshot"] != after["snapshot"], "a version without a change"


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[Town]:
    port = free_port()
    world = World(page_count=PAGES, auto_consent=True, switches=Switches(retry_first_seconds=0.2))
    with servers.sandbox(world) as sandbox:
        environ = settings(sandbox, tmp_path, port) | {
            "FBSYNC_DATABASE_URL": database_url,
            "FBSYNC_TOKEN_KEY": Fernet.generate_key().decode(),
        }
        log_in_and_subscribe(port, **environ)
        yield Town(sandbox, environ, tmp_path, port)


sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@sqlite_only
@pytest.mark.parametrize(
    ("number", "options", "status"),
    [
        (signal.SIGINT, (), 130),
        (signal.SIGTERM, (), 130),
        (signal.SIGTERM, ("--every", "1d"), 0),
    ],
)
def test_an_interrupted_first_sync_says_how_far_it_came_and_the_next_goes_on(
    town: Town, number: signal.Signals, options: tuple[str, ...], status: int
) -> None:
    # One write of the last page hangs, so that no sync is over before it is interrupted.
    hangs = Path(town.store.address, history_key(town.page_ids[-1], 1))
    hangs.parent.mkdir(parents=True)
    os.mkfifo(hangs)
    with running("Store: ", "sync", *options, **town.environ) as process:
        wait_until(lambda: bool(town.name(town.page_ids[0])), "the first page")
        process.send_signal(number)
        assert process.wait(30) == status
    told = re.search(r"Stopped after (\d+) of about 150 pages", log_text())
    assert told is not None, log_text()
    assert "Traceback" not in log_text()
    hangs.unlink()
    stored = len([key for key in keys_in(town.store) if key.endswith("page_data.json")])
    assert stored < PAGES
    again = run("sync", "--json", **town.environ)
    assert again.status == 0, again.err
    town.assert_whole()
    assert all(len(keys_in(town.store, f"{page}/history/")) == 1 for page in town.page_ids)


def test_two_syncs_and_a_listener_at_once_lose_no_version_and_double_none(town: Town) -> None:
    with (
        listener(town.port, ("fbsync",), "--metrics", "off", **town.environ),
        ThreadPoolExecutor(2) as pool,
    ):
        syncs = [pool.submit(run_process, "sync", "--json", **town.environ) for _ in range(2)]
        for number in range(60):
            town.rename(town.page_ids[number % 20], f"Name {number}")
            time.sleep(0.02)  # so that they fall into all phases of the syncs
        for sync in syncs:
            ended = sync.result()
            assert ended.status == 0, ended.err
        wait_until(
            lambda: (
                [town.name(page) for page in town.page_ids[:20]]
                == [f"Name {number}" for number in range(40, 60)]
            ),
            "the last names",
        )
        assert run("sync", "--json", **town.environ).status == 0
    town.assert_whole()


@sqlite_only
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_between_two_runs_a_service_manager_ends_a_sync_properly(
    town: Town, number: signal.Signals, status: int
) -> None:
    with running("150 pages", "sync", "--every", "1d", **town.environ) as process:
        process.send_signal(number)
        assert process.wait(30) == status
    assert "Stopped between two runs." in log_text()


@sqlite_only
def test_a_sync_by_the_clock_that_may_open_no_file_tells_so_and_goes_on(town: Town) -> None:
    # With --json in a pipe nothing else would have loaded Rich by then.
    options = ("--every", "4s", "--json")
    with (
        closing(Database(town.environ["FBSYNC_DATABASE_URL"])) as database,
        running('"stored": 150', "sync", *options, **town.environ) as process,
    ):
        # One that is cut short would be held a minute more.
        wait_until(lambda: not _is_under_way(SyncRuns(database)), "the end of the first run")
        allowed = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, allowed[1]))
        wait_until(lambda: "unable to open database file.\nStart it" in log_text(), "the error")
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, allowed)
        wait_until(lambda: '"unchanged": 150' in log_text(), "a further run")
    assert "Traceback" not in log_text()


@sqlite_only
def test_a_verification_by_the_clock_is_a_part_of_its_run(town: Town) -> None:
    assert run("sync", **town.environ).status == 0
    shutil.rmtree(town.store.address)
    # To repair the last page hangs, so that the verification does not come to its end.
    hangs = Path(town.store.address, history_key(town.page_ids[-1], 1))
    hangs.parent.mkdir(parents=True)
    os.mkfifo(hangs)
    first = Path(town.store.address, page_key(town.page_ids[0]))
    options = ("--verify", "--every", "1d")
    with closing(Database(town.environ["FBSYNC_DATABASE_URL"])) as database:
        runs = SyncRuns(database)
        with running("Store: ", "sync", *options, **town.environ) as verifying:
            wait_until(first.exists, "the first repair")
            assert _is_under_way(runs)
            verifying.send_signal(signal.SIGTERM)
            assert verifying.wait(30) == 0
        assert "Stopped in the verification" in log_text()
        assert not _is_under_way(runs)
        first.unlink()
        with (
            runs.hold(alone=False),
            running("under way; this one is left out", "sync", *options, **town.environ),
        ):
            assert not first.exists()


def _is_under_way(runs: SyncRuns) -> bool:
    with runs.hold(alone=True) as is_alone:
        return not is_alone


@sqlite_only
def test_by_the_clock_a_sync_leaves_itself_out_while_another_is_under_way(town: Town) -> None:
    with (
        closing(Database(town.environ["FBSYNC_DATABASE_URL"])) as database,
        SyncRuns(database).hold(alone=False),
        running("under way; this one is left out", "sync", "--every", "1d", **town.environ),
    ):
        assert keys_in(town.store) == []
    with running("150 pages", "sync", "--every", "1d", **town.environ):
        town.assert_whole()


@sqlite_only
def test_a_change_that_the_poll_of_a_listener_finds_first_is_a_missed_webhook(town: Town) -> None:
    assert run("sync", **town.environ).status == 0
    named, described = town.page_ids[:2]
    town.sandbox.world.edit(named, {"name": "No webhook told"})  # and none is sent
    town.sandbox.world.edit(described, {"about": "no field with a webhook"})
    metrics = free_port()
    options = ("--sync-every", "1s", "--metrics", f"127.0.0.1:{metrics}")
    with listener(town.port, ("fbsync",), *options, **town.environ):
        wait_until(lambda: "no webhook told of name" in log_text(), "the line of the log")
        wait_until(lambda: len(keys_in(town.store, f"{described}/history/")) == 2, "the other")
        text = httpx.get(f"http://127.0.0.1:{metrics}/metrics", trust_env=False).text
    assert f"page {named}  version 2: no webhook told of name" in log_text()
    assert "fbsync_missed_webhooks_total 1.0" in text
    found = json.loads(run("status", "--json", **town.environ).out)["missed_webhooks"]
    assert (found["count"], found["last_page"]) == (1, named)
    assert "1 change found by a poll first" in run("status", **town.environ).out
