"""The key file: made once, its owner's alone, and told by its path where it cannot be used."""

import os
import stat
from pathlib import Path

import pytest

from fbsync.database.token_key import read_key_file
from fbsync.errors import SettingsError


def test_a_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "token.key"
    before = os.umask(0)
    try:
        first = read_key_file(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key_file(path) == first
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "not a key", "\u00e9" * 44])
def test_a_key_file_without_a_key_is_told_by_its_path(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token.key"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"token\.key cannot be used: it holds no Fernet key"):
        read_key_file(path)


def test_a_key_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory"):
        read_key_file(tmp_path / "missing" / "token.key")
