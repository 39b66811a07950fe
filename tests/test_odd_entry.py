"""Facebook lists a page without a usable id: the commands go on with the others, and say so."""

import json
from pathlib import Path

import pytest

from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.sandbox.world import Fault
from tests.fbsync_inside import run
from tests.servers import Sandbox
from tests.test_cli import settings

ONE, TWO, THREE = (f"20000000000000{n}" for n in (1, 2, 3))
LISTED = {"data": [{"id": ONE}, {"name": "Bäckerei"}, {"id": THREE}]}


def without_id() -> Fault:
    return Fault("me/accounts", 1, 200, None, name="odd", plain=json.dumps(LISTED))


@pytest.fixture
def environ(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    sandbox.world.auto_consent = True
    return settings(sandbox) | {
        "FBSYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'f.sqlite3'}",
        "FBSYNC_STORE_DIR": str(tmp_path / "store"),
    }


def test_a_login_keeps_the_other_pages(sandbox: Sandbox, environ: dict[str, str]) -> None:
    sandbox.world.faults.append(without_id())
    ended = run("login", "--only", "--json", **environ)
    assert ended.status == NEEDS_ATTENTION, ended.err
    found = json.loads(ended.out)["login"]
    assert found["pages"] == [ONE, THREE]
    (note,) = found["notes"]
    assert note.startswith("1 entry of the lists of your pages could not be read: Facebook listed")


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_sync_goes_on_with_the_other_pages_and_reads_the_one_if_it_is_known(
    sandbox: Sandbox, environ: dict[str, str], options: list[str]
) -> None:
    assert run("login", "--only", **environ).status == 0
    sandbox.world.faults.append(without_id())
    ended = run("sync", "--json", *options, **environ)
    assert ended.status == NEEDS_ATTENTION, ended.err
    found = json.loads(ended.out)
    assert {page["page_id"] for page in found["pages"]} == {ONE, TWO, THREE}
    assert set(found["counts"]) == {"would_change" if options else "stored"}
    (refused,) = found["refused_logins"]
    assert refused["reason"].startswith("1 entry could not be read: Facebook listed a page without")
    assert run("sync", **environ).status == 0
