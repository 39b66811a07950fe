"""Which store the settings name."""

from pathlib import Path

from fbsync.hallway.refresh import UPLOAD_THREADS
from fbsync.settings.store import DirectorySettings, SpacesSettings
from fbsync.store.directory import DirectoryStore
from fbsync.store.place import open_store
from fbsync.store.spaces import SpacesStore


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    store = open_store(DirectorySettings(str(tmp_path), "facebook"), "1")
    assert isinstance(store, DirectoryStore)
    assert store.address == str(tmp_path / "facebook")


def test_a_relative_folder_is_told_in_full() -> None:
    store = open_store(DirectorySettings("mirror", "facebook"), "1")
    assert store.address == str(Path.cwd() / "mirror" / "facebook")


def test_the_default_folder_lies_in_the_persons_data() -> None:
    store = open_store(DirectorySettings(None, "facebook"), "123456789012345")
    assert store.address.startswith(str(Path.home()))
    assert "123456789012345" in store.address


def test_a_bucket() -> None:
    settings = SpacesSettings(
        bucket="my-bucket",
        region="ams3",
        endpoint="https://ams3.digitaloceanspaces.com",
        access_key="key",
        secret_key="secret",
        prefix="pages",
        path_style=False,
    )
    store = open_store(settings, "1")
    assert isinstance(store, SpacesStore)
    assert store.address == "s3://my-bucket/pages"
    # Two uploads may be under way beside each other, and a host may read with many threads.
    assert store._endpoint.connections >= max(2 * UPLOAD_THREADS, 50)
