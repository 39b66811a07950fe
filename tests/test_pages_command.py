"""`fbsync pages --forget`: a page that is gone for good is put to rest, on both databases."""

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.exit_status import FAILED, NEEDS_ATTENTION, WRONG_USAGE
from tests.fbsync_inside import run
from tests.servers import Sandbox
from tests.test_cli import settings

GONE = "200000000000002"


@pytest.fixture
def environ(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Three mirrored pages."""
    sandbox.world.auto_consent = True
    found = settings(sandbox) | {
        "FBSYNC_DATABASE_URL": database_url,
        "FBSYNC_TOKEN_KEY": Fernet.generate_key().decode(),
        "FBSYNC_STORE_DIR": str(tmp_path / "store"),
    }
    assert run("login", "--only", **found).status == 0
    assert run("sync", **found).status == 0
    return found


def test_a_page_that_is_gone_needs_no_attention_once_it_is_forgotten(
    sandbox: Sandbox, environ: dict[str, str]
) -> None:
    sandbox.client.delete(f"/_sandbox/pages/{GONE}")
    for command in ("sync", "sync", "status"):
        assert run(command, **environ).status == NEEDS_ATTENTION
    forgotten = run("pages", "--forget", GONE, **environ)
    assert (forgotten.status, f"page {GONE}" in forgotten.out) == (0, True)
    assert "2 versions in the store" in forgotten.out
    for command in ("sync", "status"):
        ended = run(command, **environ)
        assert ended.status == 0, ended.out
    environ.pop("FACEBOOK_WEBHOOK_ADDRESS")
    listed = json.loads(run("pages", "--json", **environ).out)
    assert (listed["ok"], len(listed["pages"])) == (True, 2)
    history = json.loads(run("history", GONE, "--json", **environ).out)
    assert [version["number"] for version in history["versions"]] == [2, 1]


def test_a_page_that_is_listed_again_goes_on_with_its_history(
    sandbox: Sandbox, environ: dict[str, str]
) -> None:
    sandbox.client.delete(f"/_sandbox/pages/{GONE}/role")
    assert run("sync", **environ).status == NEEDS_ATTENTION
    assert run("pages", "--forget", GONE, **environ).status == 0
    assert run("sync", **environ).status == 0
    sandbox.client.post(f"/_sandbox/pages/{GONE}/role")
    assert run("login", "--only", **environ).status == 0
    found = run("sync", "--json", **environ)
    assert found.status == 0, found.out
    outcomes = {page["page_id"]: page["outcome"] for page in json.loads(found.out)["pages"]}
    assert outcomes[GONE] == "stored"
    history = json.loads(run("history", GONE, "--json", **environ).out)
    assert [version["number"] for version in history["versions"]] == [3, 2, 1]
    assert run("sync", "--verify", **environ).status == 0


def test_a_page_that_is_not_set_aside_is_refused(environ: dict[str, str]) -> None:
    ended = run("pages", "--forget", "--json", GONE, "999", **environ)
    assert ended.status == FAILED
    found = json.loads(ended.out)
    assert found["ok"] is False
    assert {page["page_id"]: page["reason"] for page in found["pages"]} == {
        GONE: "it is not set aside",
        "999": "nothing is known of it",
    }
    assert len(json.loads(run("pages", "--json", **environ).out)["pages"]) == 3


def test_the_pages_must_be_named() -> None:
    ended = run("pages", "--forget")
    assert ended.status == WRONG_USAGE
    assert "name the pages to forget" in ended.err
