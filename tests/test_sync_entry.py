"""`fbsync sync` enters another store than last time, on the sandbox and by the database alone."""

import json
import os
import signal
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from fbsync.database.engine import Database
from fbsync.database.schema import store_address
from fbsync.database.store_address import StoreAddress
from fbsync.page import PageId
from fbsync.ports import history_key, page_key
from fbsync.store.directory import DirectoryStore
from tests.buckets import BUCKET, make_bucket, spaces
from tests.drifting import contents, mirror
from tests.fbsync_inside import run
from tests.fbsync_process import log_text, running, worker
from tests.hallway import World
from tests.servers import S3Server, Sandbox, wait_until
from tests.test_sync_store import spaces as settings_of
from tests.test_sync_verify import Office, office, settings_without_login

__all__ = ["office"]


def moved(tmp_path: Path) -> tuple[dict[str, str], DirectoryStore]:
    """The settings of another store, and that store."""
    folder = tmp_path / "moved"
    return {"FBSYNC_STORE_DIR": str(folder)}, DirectoryStore(folder, "facebook")


@pytest.fixture
def gone(office: Office, sandbox: Sandbox) -> Office:
    """One page is gone since: it has a tombstone and is set aside. Another one changed."""
    sandbox.world.edit(sandbox.world.page_ids[1], {"name": "Another name"})
    sandbox.world.remove(office.page)
    assert office.sync().status == 3
    assert office.store.get(history_key(office.page, 2))
    return office


@pytest.mark.parametrize("option", [(), ("--verify",)])
def test_the_new_store_gets_every_page_and_version_also_of_pages_that_are_set_aside(
    gone: Office, tmp_path: Path, option: tuple[str, ...]
) -> None:
    settings, store = moved(tmp_path)
    ended = gone.sync(*option, **settings)
    assert "5 versions" in ended.err
    assert ("8 objects in the store: all as the database says" in ended.out) is bool(option)
    assert contents(store) == contents(gone.store)
    verified = gone.sync("--verify", "--json", **settings)
    verification = json.loads(verified.out)["verification"]
    assert verification["ok"], verification
    assert page_key(gone.page) in contents(store)


def test_a_bucket_of_the_same_name_on_another_server_is_another_store(
    office: Office, seaweedfs: S3Server, moto_server: S3Server
) -> None:
    prefix = f"facebook-{uuid4().hex}"
    servers = (seaweedfs, moto_server)
    stores = [spaces(server, prefix) for server in servers]
    settings = [
        settings_of(server, SPACES_BUCKET=BUCKET, SPACES_PREFIX=prefix) for server in servers
    ]
    for server, store, place in zip(servers, stores, settings, strict=True):
        make_bucket(server)
        ended = office.sync(**place)
        assert f"Brought over to {store.identity}: 3 pages with 3 versions." in ended.err
        assert contents(store) == contents(office.store)
        assert json.loads(office.sync("--json", **place).out)["counts"] == {"unchanged": 3}
    for command, status in (("status", 3), ("doctor", 1)):
        ended = run(command, **office.environ | settings[0])
        assert ended.status == status, ended
        assert f"the pages were stored in {stores[1].identity} last" in " ".join(ended.out.split())


def test_a_database_that_knows_a_bucket_without_its_server_goes_on_with_it(
    office: Office, moto_server: S3Server
) -> None:
    make_bucket(moto_server)
    prefix = f"facebook-{uuid4().hex}"
    place = settings_of(moto_server, SPACES_BUCKET=BUCKET, SPACES_PREFIX=prefix)
    assert office.sync(**place).status == 0
    store = spaces(moto_server, prefix)
    with closing(Database(office.environ["FBSYNC_DATABASE_URL"])) as database:
        with database.write() as connection:
            connection.execute(update(store_address).values(address=store.address))
        assert run("status", **office.environ | place).status == 0
        ended = office.sync("--json", **place)
        assert json.loads(ended.out)["counts"] == {"unchanged": 3}
        assert ended.err.splitlines() == [f"Store: {store.identity}"]
        assert StoreAddress(database).known() == store.identity


def test_an_interrupted_move_says_how_far_it_came_and_the_next_run_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    pages = [PageId(str(number)) for number in range(1, 121)]
    StoreAddress(world.database).move_to(world.store.address)
    mirror(world, *pages)
    environ = settings_without_login(tmp_path) | moved(tmp_path)[0]
    store = moved(tmp_path)[1]
    # To look at the last page hangs, so that it is not over before it is interrupted.
    hangs = Path(store.address, history_key(PageId(max(pages)), 1))
    hangs.parent.mkdir(parents=True)
    os.mkfifo(hangs)
    writers: list[int] = []

    def is_looked_at() -> bool:
        with suppress(OSError):  # while nobody has it open to read
            writers.append(os.open(hangs, os.O_WRONLY | os.O_NONBLOCK))
        return bool(writers)

    with running("Bringing over", "sync", **environ) as process:
        wait_until(is_looked_at, "a look at the last page")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130, log_text()
    os.close(*writers)
    assert f"Stopped after 100 of 120 pages were brought over to {store.address}." in log_text()
    assert "it brings every page over" not in log_text()
    assert "Traceback" not in log_text()
    found = json.loads(run("status", "--json", **environ).out)
    assert found["pages_not_in_store"] == 20
    hangs.unlink()
    ended = run("sync", **environ)
    assert f"Bringing over to {store.address}: 20 pages" in ended.err
    assert f"Brought over to {store.address}: 20 pages with 20 versions." in ended.err
    assert contents(store) == contents(world.store)
    world.database.close()


def test_after_a_move_status_counts_the_pages_that_the_new_store_does_not_have(
    office: Office, tmp_path: Path
) -> None:
    environ = office.environ | moved(tmp_path)[0]

    def status() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("status", "--json", **environ).out)
        return found

    with worker(**environ) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    ended = run("status", **environ)
    assert ended.status == 3
    assert "3 pages are not in this store yet" in ended.out
    assert (status()["pages_not_in_store"], status()["last_sync"]) == (3, None)
    assert office.sync(office.page, **environ).status == 0
    assert (status()["pages_not_in_store"], status()["last_sync"]) == (2, None)
    assert office.sync(**environ).status == 0
    assert (status()["pages_not_in_store"], status()["ok"]) == (0, True)
    assert status()["last_sync"] is not None
