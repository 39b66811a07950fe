"""The commands as processes: what they ask for, what they say, how they end."""

import json
import sys
from pathlib import Path

import pytest

from tests.fbsync_process import Ended, run
from tests.servers import Sandbox, free_port

COMMANDS = ["login", "subscribe", "listen", "test-webhook", "sync", "logout"]
SECRET = "0123456789abcdef" * 2


def settings(sandbox: Sandbox) -> dict[str, str]:
    port = free_port()
    return {
        "FACEBOOK_APP_ID": sandbox.world.app_id,
        "FACEBOOK_APP_SECRET": sandbox.world.app_secret,
        "FACEBOOK_REDIRECT_URI": f"http://localhost:{port}/facebook/callback",
        "FACEBOOK_WEBHOOK_ADDRESS": f"http://127.0.0.1:{port}/facebook/webhook",
        "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
        "FACEBOOK_GRAPH_URL": sandbox.url,
    }


@pytest.fixture
def consenting(sandbox: Sandbox) -> Sandbox:
    """A sandbox whose dialog says Continue by itself."""
    sandbox.world.auto_consent = True
    return sandbox


def test_help_names_every_command() -> None:
    shown = run("--help")
    assert shown.status == 0
    for command in [*COMMANDS, "sandbox", "demo"]:
        assert command in shown.out


def test_without_a_command_the_help_is_shown_and_that_is_wrong_usage() -> None:
    shown = run()
    assert shown.status == 2
    assert "login" in shown.out + shown.err


def test_the_version_is_printed() -> None:
    assert run("--version").out.startswith("fbsync 0.")


@pytest.mark.parametrize("command", COMMANDS)
def test_all_missing_settings_are_named_at_once_with_examples(command: str) -> None:
    ended = run(command)
    assert (ended.status, ended.out) == (2, "")
    assert "FACEBOOK_APP_SECRET" in ended.err
    assert "FACEBOOK_APP_ID" in ended.err
    wants_verify_token = command in ("subscribe", "listen", "test-webhook")
    assert ("FACEBOOK_VERIFY_TOKEN" in ended.err) is wants_verify_token


def test_malformed_settings_are_named_and_secrets_are_not_shown() -> None:
    ended = run("sync", FACEBOOK_APP_ID="12", FACEBOOK_APP_SECRET="hush hush", SPACES_BUCKET="b")
    assert ended.status == 2
    for name in ("FACEBOOK_APP_ID", "SPACES_ACCESS_KEY", "SPACES_SECRET_KEY"):
        assert name in ended.err
    assert "hush" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync", "not-a-page"),
        ("sync", "--every", "soon"),
        ("login", "--wait", "0"),
        ("listen", "--port", "99999"),
        ("test-webhook", "http://127.0.0.1:1/", "--public"),
        ("test-webhook", "localhost:5000/facebook/webhook"),
        ("fly",),
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments, FACEBOOK_APP_ID="1" * 15, FACEBOOK_APP_SECRET=SECRET)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err


def test_a_malformed_webhook_address_is_named_without_public_too() -> None:
    ended = run(
        "test-webhook",
        FACEBOOK_APP_ID="1" * 15,
        FACEBOOK_APP_SECRET=SECRET,
        FACEBOOK_VERIFY_TOKEN="t",
        FACEBOOK_WEBHOOK_ADDRESS="https://[x",
    )
    assert ended.status == 2
    assert "FACEBOOK_WEBHOOK_ADDRESS is malformed" in ended.err


def test_settings_come_from_a_file_before_or_after_the_command(tmp_path: Path) -> None:
    file = tmp_path / "shop.env"
    file.write_text(f"FACEBOOK_APP_ID={'1' * 15}\nFACEBOOK_APP_SECRET={SECRET}\n")
    for arguments in (("--env-file", str(file), "sync"), ("sync", "--env-file", str(file))):
        ended = run(*arguments)
        assert ended.status == 1
        assert "Run: fbsync login" in ended.err
    assert run("sync", "--env-file", str(tmp_path / "none")).status == 2


@pytest.mark.parametrize("command", ["sync", "subscribe"])
def test_before_the_first_login_a_command_says_so(sandbox: Sandbox, command: str) -> None:
    ended = run(command, **settings(sandbox))
    assert (ended.status, ended.out) == (1, "")
    assert "fbsync login" in ended.err


def test_login_without_a_listener_succeeds_and_says_what_is_missing(consenting: Sandbox) -> None:
    ended = run("login", **settings(consenting))
    assert ended.status == 0, ended.err
    assert "failed  app subscription" in ended.out
    assert "skipped webhook test" in ended.out
    assert "3 stored" in ended.out
    assert "http" in ended.err.partition("Open this address")[2]


def test_only_stops_after_the_tokens(consenting: Sandbox) -> None:
    environ = settings(consenting)
    ended = run("login", "--only", "--json", **environ)
    assert [step["name"] for step in json.loads(ended.out)["steps"]] == ["login", "permissions"]
    assert list(Path.home().rglob("page_data.json")) == []
    assert run("sync", **environ).status == 0


def test_login_gives_up_after_its_time(sandbox: Sandbox) -> None:
    ended = run("login", "--no-browser", "--wait", "1s", **settings(sandbox))
    assert (ended.status, ended.out) == (1, "")
    assert "--wait" in ended.err


def test_a_cancelled_login_is_explained(sandbox: Sandbox, tmp_path: Path) -> None:
    browser = tmp_path / "cancel.py"
    browser.write_text(
        "import sys, httpx\n"
        "httpx.post(sys.argv[1], data={'action': 'cancel'}, follow_redirects=True)\n"
    )
    ended = run("login", **settings(sandbox), BROWSER=f"{sys.executable} {browser} %s")
    assert ended.status == 1
    assert "cancelled" in ended.err


def test_a_browser_that_is_no_command_is_no_reason_to_fail(sandbox: Sandbox) -> None:
    ended = run("login", "--wait", "1s", **settings(sandbox), BROWSER="'unbalanced %s")
    assert ended.status == 1
    assert "open the address yourself" in ended.err


def test_sync_tells_pages_that_need_attention_by_status_3(consenting: Sandbox) -> None:
    environ = settings(consenting)
    assert run("login", "--only", **environ).status == 0
    assert run("sync", "200000000000099", **environ).status == 3


def test_sync_reports_as_one_json_object(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    found = json.loads(run("sync", "--json", **environ).out)
    assert found["ok"] is True
    assert found["counts"] == {"stored": 3}
    assert {page["outcome"] for page in found["pages"]} == {"stored"}


def test_a_retired_field_is_named_once_and_its_last_value_stays(consenting: Sandbox) -> None:
    consenting.world.edit("200000000000001", {"parking": {"lot": 1}})
    environ = settings(consenting) | {"FACEBOOK_PAGE_FIELDS": "id,name,parking"}
    run("login", **environ, FACEBOOK_GRAPH_VERSION="v25.0")
    first = run("sync", "--json", **environ)
    assert first.status == 0, first.err
    assert first.err.count("field parking") == 1
    assert json.loads(first.out)["counts"] == {"unchanged": 3}
    assert "parking" not in run("sync", **environ).err


def test_another_store_than_last_time_gets_every_page(consenting: Sandbox, tmp_path: Path) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    assert json.loads(run("sync", "--json", **environ).out)["counts"] == {"stored": 3}
    moved = environ | {"FBSYNC_STORE_DIR": str(tmp_path / "other")}
    assert "another one" not in run("sync", "--dry-run", **moved).err
    ended = run("sync", "--json", **moved)
    assert "another one than last time" in ended.err
    assert json.loads(ended.out)["counts"] == {"stored": 3}
    assert json.loads(run("sync", "--json", **moved).out)["counts"] == {"unchanged": 3}
    assert len(list(tmp_path.rglob("page_data.json"))) == 3


def test_dry_run_changes_nothing(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    found = json.loads(run("sync", "--dry-run", "--json", **environ).out)
    assert {page["outcome"] for page in found["pages"]} == {"would_change"}
    assert json.loads(run("sync", "--json", **environ).out)["counts"] == {"stored": 3}


def test_test_webhook_fails_where_nothing_listens(sandbox: Sandbox) -> None:
    ended = run("test-webhook", "--json", **settings(sandbox))
    assert ended.status == 1
    assert json.loads(ended.out)["ok"] is False


def test_subscribe_fails_where_the_handshake_does(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    ended = run("subscribe", "--json", **environ)
    assert ended.status == 1
    assert json.loads(ended.out)["app"]["action"] == "failed"


def test_the_demo_is_one_json_object_and_leaves_the_renamed_page(tmp_path: Path) -> None:
    ended = run("demo", "--json", TMPDIR=str(tmp_path))
    assert ended.status == 0, ended.err
    story = json.loads(ended.out)
    assert set(story) == {"ok", "pages", "events", "versions", "store", "steps"}
    assert story["ok"] is True
    assert (story["pages"], story["versions"]) == (3, 4)
    assert all(set(step) == {"name", "ok", "detail"} for step in story["steps"])
    page = Path(story["store"], "200000000000001", "page_data.json")
    assert json.loads(page.read_bytes())["name"] == "Café Élan & Söhne ☕"
    assert_no_token(tmp_path, ended)


def test_the_demo_needs_a_bucket_for_spaces() -> None:
    ended = run("demo", "--spaces")
    assert ended.status == 2
    assert "SPACES_BUCKET" in ended.err


def assert_no_token(folder: Path, ended: Ended) -> None:
    assert "EAA" not in ended.out + ended.err
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 6
    for path in files:
        assert b"EAA" not in path.read_bytes(), path
