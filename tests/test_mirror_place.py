"""Which store to read from, and `fbsync.open_mirror`, as programs of others use it."""

import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from fbsync import open_mirror
from fbsync.data_folder import data_folder
from fbsync.errors import NothingMirrored, SettingsError
from fbsync.mirror import Mirror
from fbsync.mirror_place import mirror_at
from fbsync.store.directory import DirectoryStore
from tests.buckets import BUCKET, make_bucket, spaces
from tests.servers import S3Server
from tests.written_history import PAGE, write

README = (Path(__file__).parent.parent / "README.md").read_text()
APP = "123456789012345"


def test_the_default_folder_needs_the_apps_id() -> None:
    assert mirror_at({"FACEBOOK_APP_ID": APP}).address == str(data_folder(APP) / "store/facebook")
    with pytest.raises(SettingsError, match="FACEBOOK_APP_ID is malformed"):
        mirror_at({"FACEBOOK_APP_ID": "my app"})
    with pytest.raises(SettingsError, match="FACEBOOK_APP_ID is missing.*FBSYNC_STORE_DIR"):
        mirror_at({})


def test_a_folder_or_a_bucket_needs_nothing_of_facebook() -> None:
    assert mirror_at({"FBSYNC_STORE_DIR": "/mirror"}).address == "/mirror/facebook"
    keys = {"SPACES_ACCESS_KEY": "key", "SPACES_SECRET_KEY": "secret"}
    assert mirror_at({"SPACES_BUCKET": "my-bucket", **keys}).address == "s3://my-bucket/facebook"


def test_the_settings_count_where_nothing_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FBSYNC_STORE_DIR", str(tmp_path))
    assert open_mirror().address == str(tmp_path / "facebook")


def test_what_is_given_counts_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FBSYNC_STORE_DIR", "/elsewhere")
    monkeypatch.setenv("SPACES_PREFIX", "other")
    assert open_mirror(tmp_path).address == str(tmp_path / "facebook")
    assert open_mirror(folder=str(tmp_path), prefix="a/b").address == str(tmp_path / "a/b")
    opened = open_mirror(bucket="my-bucket", access_key="key", secret_key="secret", region="ams3")
    assert opened.address == "s3://my-bucket/facebook"


def test_what_is_missing_is_named_by_its_setting() -> None:
    with pytest.raises(SettingsError, match=r"(?s)SPACES_ACCESS_KEY is.*SPACES_SECRET_KEY is"):
        open_mirror(bucket="my-bucket")


def raised_by_every_read(mirror: Mirror) -> str:
    """The message; it is the same, whatever is asked first."""
    reads = (
        lambda: list(mirror.page_ids()),
        lambda: list(mirror.pages()),
        lambda: mirror.page(PAGE),
        lambda: mirror.document(PAGE),
        lambda: mirror.numbers(PAGE),
        lambda: list(mirror.history(PAGE)),
        lambda: mirror.version(PAGE, 1),
        lambda: mirror.differences(PAGE),
    )
    told = set()
    for read in reads:
        with pytest.raises(NothingMirrored) as raised:
            read()
        told.add(str(raised.value))
    (message,) = told
    return message


class TestAPlaceWithoutPages:
    def test_a_folder_that_is_missing_is_an_error_at_the_first_read(self, tmp_path: Path) -> None:
        message = raised_by_every_read(open_mirror(tmp_path / "typo"))
        assert f"{tmp_path}/typo/facebook holds no page.\n{tmp_path}/typo is no folder" in message
        assert "fbsync status" in message

    def test_a_bot_that_starts_before_the_first_sync_goes_on_by_itself(
        self, tmp_path: Path
    ) -> None:
        mirror = open_mirror(tmp_path)
        assert "nothing was mirrored there yet" in raised_by_every_read(mirror)
        write(DirectoryStore(tmp_path, "facebook"))
        assert mirror.page(PAGE)
        assert mirror.page("9") is None

    def test_the_folder_that_status_prints_has_the_prefix_in_it_already(
        self, tmp_path: Path
    ) -> None:
        write(DirectoryStore(tmp_path, "facebook"))
        message = raised_by_every_read(open_mirror(tmp_path / "facebook"))
        assert f"/facebook itself does: name {tmp_path}, as facebook is added to it." in message
        write(DirectoryStore(tmp_path, "a/b"))
        message = raised_by_every_read(open_mirror(tmp_path / "a/b", prefix="a/b"))
        assert f"name {tmp_path}, as a/b is added to it." in message

    def test_a_wrong_prefix_is_an_error_in_a_folder(self, tmp_path: Path) -> None:
        write(DirectoryStore(tmp_path, "pages"))
        assert "another place" in raised_by_every_read(open_mirror(tmp_path, prefix="typo"))
        message = raised_by_every_read(open_mirror(tmp_path / "pages"))
        assert f"name {tmp_path}, with pages as the prefix." in message

    def test_a_wrong_prefix_is_an_error_in_a_bucket(self, seaweedfs: S3Server) -> None:
        make_bucket(seaweedfs)
        mirror = open_mirror(
            bucket=BUCKET,
            endpoint=seaweedfs.endpoint,
            access_key=seaweedfs.access_key,
            secret_key=seaweedfs.secret_key,
            prefix=f"typo-{uuid4().hex}",
        )
        assert "fbsync status" in raised_by_every_read(mirror)

    def test_objects_of_others_are_no_pages(self, tmp_path: Path) -> None:
        store = DirectoryStore(tmp_path, "facebook")
        for key in ("2025/notes.json", "fbsync-doctor/probe.json", "1/history/notes.json"):
            store.put(key, b"{}")
        assert "holds no page" in raised_by_every_read(open_mirror(tmp_path))

    def test_a_store_that_is_emptied_later_is_no_list_of_no_pages(self, tmp_path: Path) -> None:
        write(DirectoryStore(tmp_path, "facebook"))
        mirror = open_mirror(tmp_path)
        assert list(mirror.page_ids()) == [PAGE]
        shutil.rmtree(tmp_path / "facebook")
        with pytest.raises(NothingMirrored):
            list(mirror.page_ids())


def test_importing_fbsync_loads_nothing_heavy() -> None:
    heavy = "{'boto3', 'sqlalchemy', 'httpx', 'rich', 'typer', 'cryptography'}"
    code = f"import sys, fbsync; print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_one_mirror_serves_several_threads(seaweedfs: S3Server) -> None:
    make_bucket(seaweedfs)
    prefix = f"facebook-{uuid4().hex}"
    write(spaces(seaweedfs, prefix))
    mirror = open_mirror(
        bucket=BUCKET,
        endpoint=seaweedfs.endpoint,
        access_key=seaweedfs.access_key,
        secret_key=seaweedfs.secret_key,
        prefix=prefix,
    )
    found: list[tuple[str, int]] = []

    def read() -> None:
        page = mirror.page(PAGE)
        assert page is not None
        found.append((page.name, len(list(mirror.history(PAGE)))))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [("Blue Bottle Café", 4)] * 8


def test_the_example_in_the_readme_runs_as_it_stands_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(
        r"(?m)^    from fbsync import open_mirror\n(?:    .*\n|\n(?=    ))+", README
    )
    code = re.sub(r"(?m)^    ", "", example)
    write(DirectoryStore(tmp_path, "facebook"))
    monkeypatch.setenv("FBSYNC_STORE_DIR", str(tmp_path))
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 (our own README is what is tested)
    assert capsys.readouterr().out.splitlines() == [
        f"{PAGE} Blue Bottle Café {{'city': 'Łódź', 'zip': '90-001'}} None",
        "4 sync ['about', 'location', 'website']",
        "3 sync The page is gone, or hidden from this login.",
        "Run: fbsync login",
        "2 webhook ['name']",
        "1 first ['about', 'id', 'name', 'website']",
    ]
