"""`fbsync sync` after the store was changed, as a process on the sandbox."""

import json
from pathlib import Path

import pytest

from fbsync.ports import history_key, page_key
from fbsync.store.directory import DirectoryStore
from tests.drifting import contents
from tests.servers import Sandbox
from tests.test_sync_verify import Office, office

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
