"""The variables of a .env file, under those of the environment."""

import os
import threading
from pathlib import Path

import pytest

from fbsync.errors import SettingsError
from fbsync.settings.env_file import load_environ, load_with_sources, read_env_file


def test_a_file_named_env_is_read_and_the_environment_counts_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("SPACES_BUCKET=file\nSPACES_REGION=ams3\nEMPTY\n")
    monkeypatch.setenv("SPACES_BUCKET", "environment")
    environ = load_environ(None)
    assert environ["SPACES_BUCKET"] == "environment"
    assert environ["SPACES_REGION"] == "ams3"
    assert "EMPTY" not in environ


def test_no_file_is_no_fault() -> None:
    assert "SPACES_BUCKET" not in load_environ(None)


def test_a_named_file_is_read_instead(tmp_path: Path) -> None:
    Path(".env").write_text("SPACES_BUCKET=wrong\n")
    named = tmp_path / "shop.env"
    named.write_bytes(b"\xef\xbb\xbfSPACES_BUCKET=b\xc3\xa4ckerei\n")  # as Windows saves it
    assert load_environ(named)["SPACES_BUCKET"] == "bäckerei"


def test_a_named_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.env of --env-file is not there"):
        load_environ(tmp_path / "none.env")


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "odd.env"
    file.write_bytes(b"SPACES_BUCKET=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"odd\.env cannot be read: line 1 .*UTF-8"):
        load_environ(file)
    file.write_bytes(b"\xef\xbb\xbfSPACES_REGION=ams3\n\nSPACES_BUCKET=\xff\xfe\n")
    with pytest.raises(SettingsError, match="line 3 "):
        load_environ(file)


@pytest.mark.parametrize("name", ["", "folder"])
def test_a_folder_is_told_with_what_to_name(name: str) -> None:
    Path("folder").mkdir()
    with pytest.raises(SettingsError, match=r"is a folder\.\nName a file in it, such as .*\.env"):
        load_environ(Path(name))


def test_a_folder_in_the_place_of_the_default_file_is_no_fault() -> None:
    Path(".env").mkdir()
    assert read_env_file(None) == {}


@pytest.mark.parametrize("file", [None, Path(".env")])
def test_a_line_that_is_no_setting_is_told_by_its_number(
    file: Path | None, caplog: pytest.LogCaptureFixture
) -> None:
    Path(".env").write_text("SPACES_REGION=ams3\n# remark\nSPACES_BUCKET='shop\n")
    with pytest.raises(SettingsError, match=r"Line 3 of \.env is no setting\.\nWrite NAME=value"):
        read_env_file(file)
    assert caplog.text == ""


def test_the_file_may_be_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=["SPACES_BUCKET=piped\n"], daemon=True)
    writer.start()
    assert read_env_file(pipe) == {"SPACES_BUCKET": "piped"}
    writer.join()


def test_the_files_own_variables_can_be_told_from_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("SPACES_BUCKET=file\n")
    monkeypatch.setenv("SPACES_REGION", "ams3")
    assert read_env_file(None) == {"SPACES_BUCKET": "file"}


def test_each_variable_comes_with_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("shop.env").write_text("SPACES_BUCKET=file\nSPACES_REGION=ams3\n")
    monkeypatch.setenv("SPACES_BUCKET", "environment's")
    values, sources = load_with_sources(Path("shop.env"))
    assert (values["SPACES_BUCKET"], sources["SPACES_BUCKET"]) == ("environment's", "environment")
    assert (values["SPACES_REGION"], sources["SPACES_REGION"]) == ("ams3", "shop.env")
    assert values.keys() == sources.keys()
