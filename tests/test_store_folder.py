"""Whether a folder of a store takes files, found without making one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fbsync.errors import StoreRefused
from fbsync.store.directory import DirectoryStore
from fbsync.store.folder import check_writable, make_folder

NOBODY = 65534


def test_a_folder_that_can_be_made_is_good_and_is_not_made(tmp_path: Path) -> None:
    check_writable(tmp_path)
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_or_of_a_parent_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        with pytest.raises(NotADirectoryError) as caught:
            check_writable(folder)
        assert caught.value.filename == str(file)


def test_a_link_to_nowhere_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError):
        check_writable(tmp_path / "link" / "below")


@contextmanager
def no_root() -> Iterator[None]:
    """Root may write to every folder, so be nobody for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("mode", [0o500, 0o600])
def test_a_parent_without_the_rights_is_told(mode: int) -> None:
    # Not in pytest's folder, which only its maker may enter.
    with no_root(), TemporaryDirectory() as folder:
        closed = Path(folder) / "closed"
        closed.mkdir(mode)
        with pytest.raises(PermissionError) as caught:
            check_writable(closed)
        assert caught.value.filename == str(closed)
        closed.chmod(0o700)


def test_what_was_found_good_can_be_made(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    check_writable(folder)
    make_folder(folder)
    assert folder.is_dir()


def test_a_file_system_without_hard_links_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))  # as Linux has it for vfat

    monkeypatch.setattr(os, "link", link)
    store = DirectoryStore(tmp_path, "")
    with pytest.raises(StoreRefused, match="(?s)knows no hard links.*FBSYNC_STORE_DIR, on a disk"):
        store.create("1/history/000001.json", b"{}")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
