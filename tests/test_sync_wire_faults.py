"""A first sync of 200 pages into SeaweedFS while the wire between breaks in each way, and heals."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from fbsync.database.engine import sqlite_url
from fbsync.page import PageId
from fbsync.ports import history_key, page_key
from fbsync.sandbox.world import World
from fbsync.store.spaces import SpacesStore
from tests import servers
from tests.buckets import BUCKET, keys_in, make_bucket, spaces
from tests.fbsync_inside import run
from tests.fbsync_process import log_text, running
from tests.ports import free_port
from tests.servers import S3Server, Sandbox, wait_until
from tests.test_call_counts import settings
from tests.wire_proxy import Fault, wire_proxy

PAGES = 200
ENDS_WITHIN_SECONDS = 30.0  # of the fault's end
FAULTS: list[Fault] = ["refuse", "reset", "stall", "cut", "mute"]


@pytest.fixture(scope="module")
def crowd() -> Iterator[Sandbox]:
    with servers.sandbox(World(page_count=PAGES, auto_consent=True)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def logged_in(crowd: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database after a login, to be copied."""
    folder = tmp_path_factory.mktemp("login")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("login", "--only", **settings(crowd, folder)).status == 0
    return folder


class Run:
    """What one sync needs: a database of its own, and a prefix of its own in the bucket."""

    def __init__(self, crowd: Sandbox, logged_in: Path, folder: Path, server: S3Server) -> None:
        for file in logged_in.iterdir():
            if file.is_file():
                shutil.copy2(file, folder)
        self.prefix = f"facebook-{uuid4().hex}"
        self._server = server
        self._settings = settings(crowd, folder, free_port())
        del self._settings["FBSYNC_STORE_DIR"]
        self._settings["FBSYNC_DATABASE_URL"] = sqlite_url(folder / "fbsync.sqlite3")

    def environ(self, port: int) -> dict[str, str]:
        """The settings of a sync whose bucket is reached by this port."""
        return self._settings | {
            "SPACES_BUCKET": BUCKET,
            "SPACES_ENDPOINT": f"http://127.0.0.1:{port}",
            "SPACES_ACCESS_KEY": self._server.access_key,
            "SPACES_SECRET_KEY": self._server.secret_key,
            "SPACES_PREFIX": self.prefix,
        }

    @property
    def store(self) -> SpacesStore:
        """As it is, past the wire that breaks."""
        return spaces(self._server, self.prefix)


def end_state(store: SpacesStore) -> dict[str, object]:
    """All objects; of the history without the moment of the read, the only thing that differs."""
    found: dict[str, object] = {}
    for stored in store.list(""):
        if "/history/" in stored.key:
            entry = json.loads(store.get(stored.key) or b"")
            del entry["fetched_at"]
            found[stored.key] = entry
        else:
            found[stored.key] = (stored.etag, stored.size)
    return found


@pytest.fixture(scope="module")
def undisturbed(
    crowd: Sandbox,
    logged_in: Path,
    seaweedfs: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, object]:
    """What a run without faults leaves."""
    make_bucket(seaweedfs)
    made = Run(crowd, logged_in, tmp_path_factory.mktemp("calm"), seaweedfs)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        ended = run("sync", **made.environ(seaweedfs.port))
    assert ended.status == 0, ended.err
    return end_state(made.store)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sync_through_a_fault_of_the_wire_ends_as_one_without(
    fault: Fault,
    crowd: Sandbox,
    logged_in: Path,
    seaweedfs: S3Server,
    undisturbed: dict[str, object],
    tmp_path: Path,
) -> None:
    made = Run(crowd, logged_in, tmp_path, seaweedfs)
    with (
        wire_proxy(seaweedfs.port) as proxy,
        running("Store: ", "sync", **made.environ(proxy.port)) as process,
    ):
        wait_until(lambda: len(keys_in(made.store)) >= 40, "the first objects")
        proxy.break_by(fault)
        wait_until(lambda: proxy.broken >= 4, f"requests that {fault} breaks")
        proxy.break_by(None)
        assert process.wait(ENDS_WITHIN_SECONDS) == 0, log_text()
    assert "Traceback" not in log_text()
    found = end_state(made.store)
    pages = [PageId(page) for page in crowd.world.page_ids]
    expected = [key for page in pages for key in (history_key(page, 1), page_key(page))]
    assert sorted(found) == sorted(expected)  # so no number was skipped or used twice
    assert found == undisturbed
