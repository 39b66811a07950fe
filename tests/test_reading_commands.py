"""`fbsync history`, `diff` and `show`, on a machine that has nothing but the store."""

import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

import fbsync
from fbsync.exit_status import FAILED, NEEDS_ATTENTION, WRONG_USAGE
from fbsync.store.directory import DirectoryStore
from tests.buckets import BUCKET, make_bucket, spaces
from tests.fbsync_inside import run
from tests.fbsync_process import Ended
from tests.servers import S3Server
from tests.written_history import PAGE, snapshot, versions, write


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """A folder with one page and its history."""
    write(DirectoryStore(tmp_path / "store", "facebook"))
    return {"FBSYNC_STORE_DIR": str(tmp_path / "store")}


def test_all_three_work_from_another_machine_with_the_spaces_settings_alone(
    seaweedfs: S3Server, tmp_path: Path
) -> None:
    make_bucket(seaweedfs)
    prefix = f"facebook-{uuid4().hex}"
    write(spaces(seaweedfs, prefix))
    home = tmp_path / "home"
    home.mkdir()
    environ = {
        "HOME": str(home),
        "PYTHONPATH": str(Path(fbsync.__file__).parent.parent),
        "SPACES_BUCKET": BUCKET,
        "SPACES_ENDPOINT": seaweedfs.endpoint,
        "SPACES_ACCESS_KEY": seaweedfs.access_key,
        "SPACES_SECRET_KEY": seaweedfs.secret_key,
        "SPACES_PREFIX": prefix,
    }

    def there(*arguments: str) -> Ended:
        """The command with no other variable than these, in an empty home."""
        ended = subprocess.run(
            [sys.executable, "-m", "fbsync", *arguments],
            env=environ,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    pages = there("history", "--json")
    assert (pages.status, pages.err) == (0, "")
    (page,) = json.loads(pages.out)["pages"]
    assert (page["page_id"], page["name"], page["version"]) == (PAGE, "Blue Bottle Café", 4)
    history = there("history", page["page_id"], "--json")
    assert (history.status, history.err) == (0, "")
    assert [version["number"] for version in json.loads(history.out)["versions"]] == [4, 3, 2, 1]
    diff = there("diff", PAGE, "1", "2")
    assert (diff.status, diff.err) == (0, "")
    assert "- Blue Bottle\n+ Blue Bottle Café\n" in diff.out
    shown = there("show", PAGE)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.encode() == snapshot(2).document
    assert list(home.iterdir()) == []


def test_a_document_is_printed_byte_for_byte_also_an_older_one(settings: dict[str, str]) -> None:
    assert run("show", PAGE, **settings).out.encode() == snapshot(2).document
    older = run("show", PAGE, "--version", "3", **settings)
    assert older.out.encode() == versions()[2].document
    told = json.loads(run("show", PAGE, "--version", "2", "--json", **settings).out)
    assert told == {
        "page_id": PAGE,
        "version": 2,
        "document": json.loads(versions()[1].document),
    }


def test_on_a_terminal_a_document_has_colours_and_no_control_character(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store", "facebook")
    store.put("1/page_data.json", '{\n  "name": "a\u009bb"\n}\n'.encode())
    settings = {"FBSYNC_STORE_DIR": str(tmp_path / "store"), "TERM": "xterm-256color"}
    shown = run("show", "1", FORCE_COLOR="1", **settings).out
    assert "\x1b[" in shown
    assert "\u009b" not in shown
    assert "\x1b[3" not in run("show", "1", FORCE_COLOR="1", NO_COLOR="1", **settings).out


def test_the_history_is_a_timeline_and_may_be_limited(settings: dict[str, str]) -> None:
    assert "first copy, 4 fields" in run("history", PAGE, **settings).out
    limited = run("history", PAGE, "--limit", "2", **settings)
    assert "and 2 older ones" in limited.out
    assert "first copy" not in limited.out
    told = json.loads(run("history", PAGE, "--limit", "2", "--json", **settings).out)
    assert (told["total"], len(told["versions"])) == (4, 2)


def test_without_a_page_the_history_lists_what_is_stored(settings: dict[str, str]) -> None:
    store = DirectoryStore(Path(settings["FBSYNC_STORE_DIR"]), "facebook")
    store.put("3/page_data.json", b'{"name": "Three"}')
    ended = run("history", **settings)
    assert (ended.status, ended.err) == (0, "")
    assert f"{PAGE}  Blue Bottle Café" in ended.out
    assert "Three" in ended.out
    limited = run("history", "--limit", "1", "--json", **settings)
    assert [page["page_id"] for page in json.loads(limited.out)["pages"]] == [PAGE]
    store.put("3/page_data.json", b"{")
    ended = run("history", **settings)
    assert ended.status == NEEDS_ATTENTION
    assert "damaged   3/page_data.json is not a document" in ended.out


def test_a_store_without_pages_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    for arguments in (["history"], ["history", PAGE], ["show", PAGE], ["diff", PAGE]):
        ended = run(*arguments, FBSYNC_STORE_DIR=str(tmp_path / "typo"))
        assert (ended.status, ended.out) == (FAILED, "")
        assert f"{tmp_path / 'typo'} is no folder." in ended.err


def test_the_history_names_a_damaged_version_beside_the_others(
    settings: dict[str, str],
) -> None:
    store = DirectoryStore(Path(settings["FBSYNC_STORE_DIR"]), "facebook")
    store.put(f"{PAGE}/history/000002.json", b"{}")
    ended = run("history", PAGE, **settings)
    assert ended.status == NEEDS_ATTENTION
    assert "first copy, 4 fields" in ended.out
    assert f"damaged   {PAGE}/history/000002.json is not a document" in ended.out
    assert "fbsync sync --verify" in ended.out
    ended = run("history", PAGE, "--limit", "3", "--json", **settings)
    assert ended.status == NEEDS_ATTENTION
    told = json.loads(ended.out)
    assert [version["number"] for version in told["versions"]] == [4, 3]
    assert [one["key"] for one in told["damaged"]] == [f"{PAGE}/history/000002.json"]
    assert run("history", PAGE, "--limit", "2", **settings).status == 0
    assert run("diff", PAGE, **settings).status == FAILED  # it needs the fields of version 2
    assert run("diff", PAGE, "1", "4", **settings).status == 0


def test_the_newest_two_are_compared_unless_others_are_named(settings: dict[str, str]) -> None:
    told = json.loads(run("diff", PAGE, "--json", **settings).out)
    assert (told["before"]["number"], told["after"]["number"]) == (3, 4)
    told = json.loads(run("diff", PAGE, "1", "--json", **settings).out)
    assert (told["before"]["number"], told["after"]["number"]) == (1, 4)
    assert run("diff", PAGE, "2", "3", **settings).out.endswith(
        "no field changed from version 2 to 3\n"
    )


@pytest.mark.parametrize("command", ["history", "diff", "show"])
def test_what_is_not_stored_is_named_with_what_to_do(
    command: str, settings: dict[str, str]
) -> None:
    ended = run(command, "9", **settings)
    assert (ended.status, ended.out) == (FAILED, "")
    assert "holds no copy of page 9" in ended.err
    assert "fbsync history lists" in ended.err


@pytest.mark.parametrize("arguments", [("show", PAGE, "--version", "9"), ("diff", PAGE, "9")])
def test_an_unknown_version_is_named_with_what_to_do(
    arguments: tuple[str, ...], settings: dict[str, str]
) -> None:
    ended = run(*arguments, **settings)
    assert (ended.status, ended.out) == (FAILED, "")
    assert f"no version 9 of page {PAGE}" in ended.err
    assert f"fbsync history {PAGE}" in ended.err


@pytest.mark.parametrize("command", ["history", "diff", "show"])
def test_without_a_store_the_error_offers_every_way_to_name_one(command: str) -> None:
    ended = run(command, "9")
    assert ended.status == WRONG_USAGE
    for name in ("FACEBOOK_APP_ID", "SPACES_BUCKET", "FBSYNC_STORE_DIR"):
        assert name in ended.err


@pytest.mark.parametrize("command", ["history", "diff", "show"])
def test_a_page_is_named_by_its_id(command: str, settings: dict[str, str]) -> None:
    ended = run(command, "../1", **settings)
    assert ended.status == WRONG_USAGE
    assert "1 to 32 digits" in ended.err
