"""The store in a folder; what it shares with the others is in test_object_store."""

import os
from pathlib import Path

import pytest

from fbsync.errors import StoreUnavailable
from fbsync.store.directory import DirectoryStore
from tests.buckets import keys_in


def test_the_layout_is_that_of_the_bucket(tmp_path: Path) -> None:
    DirectoryStore(tmp_path, "facebook").put("1/page_data.json", b"{}")
    assert (tmp_path / "facebook/1/page_data.json").read_bytes() == b"{}"


def test_an_empty_prefix_puts_the_pages_at_the_root(tmp_path: Path) -> None:
    DirectoryStore(tmp_path, "").put("1/page_data.json", b"{}")
    assert (tmp_path / "1/page_data.json").exists()


def test_a_failed_put_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "1" / "page_data.json").mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match="could not be written"):
        DirectoryStore(tmp_path, "").put("1/page_data.json", b"{}")
    assert list((tmp_path / "1").iterdir()) == [tmp_path / "1" / "page_data.json"]


def test_what_a_crash_left_behind_is_not_listed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "")
    store.put("1/page_data.json", b"{}")
    (tmp_path / "1" / ".fbsync-x7k2").write_bytes(b"{")
    assert keys_in(store) == ["1/page_data.json"]


def test_other_users_may_read_the_public_facts(tmp_path: Path) -> None:
    DirectoryStore(tmp_path, "").put("1/page_data.json", b"{}")
    assert (tmp_path / "1/page_data.json").stat().st_mode & 0o777 == 0o644


def test_a_file_in_the_place_of_the_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    store = DirectoryStore(tmp_path / "store", "facebook")
    with pytest.raises(StoreUnavailable, match="FBSYNC_STORE_DIR"):
        store.put("1/page_data.json", b"{}")
    with pytest.raises(StoreUnavailable, match="could not be read"):
        store.get("1/page_data.json")


def test_a_narrow_listing_looks_at_its_own_folder_only(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "")
    for key in ("1/page_data.json", "1/history/000001.json", "12/page_data.json", "1.json"):
        store.put(key, b"{}")
    (tmp_path / "2").write_bytes(b"a file where others have a folder")
    assert keys_in(store, "1/") == [
        "1/history/000001.json",
        "1/page_data.json",
    ]
    assert keys_in(store, "2/") == []
    assert keys_in(store) == sorted(
        ["1/page_data.json", "1/history/000001.json", "12/page_data.json", "1.json", "2"]
    )


def test_a_failed_create_leaves_no_temporary_file(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "")
    assert store.create("1/history/000001.json", b"first")
    assert not store.create("1/history/000001.json", b"other")
    assert [path.name for path in (tmp_path / "1" / "history").iterdir()] == ["000001.json"]


def test_a_create_in_a_place_that_takes_no_files_is_explained(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="could not be written"):
        DirectoryStore(tmp_path, "").create("1/page_data.json", b"{}")


def test_a_listing_opens_no_folder_beside_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryStore(tmp_path, "")
    for key in ("1/page_data.json", "12/page_data.json", "2/page_data.json"):
        store.put(key, b"{}")
    opened: list[str] = []
    scandir = os.scandir

    def watched(path: Path) -> object:
        opened.append(Path(path).relative_to(tmp_path).as_posix())
        return scandir(path)

    monkeypatch.setattr(os, "scandir", watched)
    assert keys_in(store, "1") == ["1/page_data.json", "12/page_data.json"]
    assert opened == [".", "1", "12"]


def test_a_link_that_leads_in_a_circle_is_not_followed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "")
    store.put("1/page_data.json", b"{}")
    (tmp_path / "1" / "circle").symlink_to(tmp_path)
    (tmp_path / "1" / "nowhere").symlink_to(tmp_path / "missing")
    assert keys_in(store) == ["1/page_data.json"]


def test_files_with_names_that_no_key_of_ours_has_are_listed_too(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    for name in ("a\\b", "line\nend"):
        (tmp_path / "1" / name).write_bytes(b"somebody's")
    assert keys_in(DirectoryStore(tmp_path, "")) == ["1/a\\b", "1/line\nend"]
