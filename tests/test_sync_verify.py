"""`fbsync sync --verify`, on the sandbox."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from fbsync.database.engine import sqlite_url
from fbsync.page import PageId
from fbsync.ports import history_key, page_key
from fbsync.store.directory import DirectoryStore
from tests.drifting import contents, damage, verify
from tests.fbsync_inside import run
from tests.fbsync_process import Ended, log_text, running
from tests.hallway import World
from tests.ports import free_port
from tests.servers import Sandbox, wait_until
from tests.test_call_counts import settings


class Office:
    """Three pages, logged in and mirrored, and whoever looks after their store."""

    def __init__(self, sandbox: Sandbox, environ: dict[str, str], folder: Path) -> None:
        self.environ = environ
        self.folder = folder / "store" / "facebook"
        self.store = DirectoryStore(folder / "store", "facebook")
        self.page = PageId(sandbox.world.page_ids[0])

    def sync(self, *arguments: str, **changes: str) -> Ended:
        return run("sync", *arguments, **self.environ | changes)

    def verify(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """What `sync --verify --json` says of the verification."""
        ended = self.sync("--verify", "--json", *arguments)
        assert ended.status == status, ended.err
        told = json.loads(ended.out)
        assert told["ok"] is (status == 0)
        verification: dict[str, Any] = told["verification"]
        return verification


def settings_without_login(folder: Path) -> dict[str, str]:
    """Of tests.hallway.World in this folder, with nobody of whom Facebook could be asked."""
    return {
        "FACEBOOK_APP_ID": "1" * 15,
        "FACEBOOK_APP_SECRET": "0123456789abcdef" * 2,
        "FBSYNC_DATABASE_URL": sqlite_url(folder / "f.sqlite3"),
        "FBSYNC_TOKEN_KEY": Fernet.generate_key().decode(),
        "FBSYNC_STORE_DIR": str(folder / "store"),
    }


@pytest.fixture
def office(sandbox: Sandbox, tmp_path: Path) -> Office:
    sandbox.world.auto_consent = True
    environ = settings(sandbox, tmp_path)
    assert run("login", "--only", **environ).status == 0
    assert run("sync", **environ).status == 0
    return Office(sandbox, environ, tmp_path)


def test_what_was_damaged_is_named_and_repaired_and_then_the_pages_are_polled(
    office: Office, sandbox: Sandbox
) -> None:
    whole = contents(office.store)
    assert "verification" not in json.loads(office.sync("--json").out)
    deleted, cut = page_key(office.page), history_key(office.page, 1)
    (office.folder / deleted).unlink()
    damage(office.store, cut, "truncated")

    named = office.verify("--dry-run", status=3)
    assert named["remedies"] == {"named": 2}
    assert office.store.get(deleted) is None

    other = PageId(sandbox.world.page_ids[1])
    assert office.verify(other)["drift"] == []

    repaired = office.verify()
    assert [(d["key"], d["problem"], d["remedy"]) for d in repaired["drift"]] == [
        (cut, "truncated", "repaired"),
        (deleted, "missing", "repaired"),
    ]
    assert (repaired["objects"], repaired["list_requests"]) == (5, 0)
    assert contents(office.store) == whole

    again = office.sync("--verify")
    assert again.status == 0
    assert "verified  6 objects in the store: all as the database says" in again.out
    assert "3 unchanged" in again.out


def test_what_cannot_be_repaired_ends_it_with_status_3_and_says_what_to_do(
    office: Office,
) -> None:
    office.store.put(f"{office.page}/notes.txt", b"mine")
    ended = office.sync("--verify")
    assert ended.status == 3
    assert f"{office.page}/notes.txt" in ended.out
    assert "Move it away" in ended.out
    assert office.store.get(f"{office.page}/notes.txt") == b"mine"


def test_the_store_is_verified_although_facebook_cannot_be_asked(office: Office) -> None:
    whole = contents(office.store)
    nowhere = {"FACEBOOK_GRAPH_URL": f"http://127.0.0.1:{free_port()}"}
    for arguments in ((), ("--json",)):
        damage(office.store, page_key(office.page), "truncated")
        ended = office.sync("--verify", *arguments, **nowhere)
        assert ended.status == 1
        assert "Error: " in ended.err
        assert "truncated" in ended.out
        assert contents(office.store) == whole
    assert json.loads(ended.out)["ok"] is False


def test_an_interruption_says_how_far_it_came_and_the_next_run_mends_the_rest(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    pages = [PageId(str(number)) for number in range(1, 121)]
    world.facebook.pages |= {page: {"id": page, "name": f"Page {page}"} for page in pages}
    world.inbox.mark(pages, "sync")
    while world.refresh():
        pass
    whole = contents(world.store)
    shutil.rmtree(tmp_path / "store")
    # To repair the last page hangs, so that no run is over before it is interrupted.
    hangs = Path(world.store.address, history_key(PageId(max(pages)), 1))
    hangs.parent.mkdir(parents=True)
    os.mkfifo(hangs)
    with running("Store: ", "sync", "--verify", **settings_without_login(tmp_path)) as process:
        wait_until(lambda: bool(world.store.get(history_key(pages[0], 1))), "the first repair")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert "Stopped in the verification, after 0 objects: " in log_text()
    assert "Traceback" not in log_text()
    hangs.unlink()
    mended = len(contents(world.store))
    assert 0 < mended < len(whole)
    rest = verify(world)
    assert {drift.remedy for drift in rest} == {"repaired"}
    assert contents(world.store) == whole
    world.database.close()
