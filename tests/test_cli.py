"""The commands: what they ask for, what they say, how they end."""

import json
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import typer.main

from fbsync.cli import app
from fbsync.database.engine import Database, sqlite_url
from fbsync.graph.pace import pause_seconds
from fbsync.sandbox.world import Standing
from tests.callback import callback_server
from tests.fbsync_inside import run
from tests.fbsync_process import Ended, environ_of, log_text, run_process, running
from tests.leaks import has_token
from tests.ports import free_port
from tests.servers import Sandbox

COMMANDS = ["login", "subscribe", "listen", "worker", "test-webhook", "sync", "pages", "logout"]
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
    shown = run_process("--help")
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
        ("subscribe", "--fields", "name,emails"),
        ("subscribe", "--fields", ","),
        ("fly",),
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments, FACEBOOK_APP_ID="1" * 15, FACEBOOK_APP_SECRET=SECRET)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err


def test_an_unknown_case_is_told_with_all_others_before_any_setting_is_asked_for() -> None:
    ended = run("test-webhook", "--case", "emojis", COLUMNS="300")
    assert ended.status == 2
    assert "emojis is none of them; choose all or some of handshake, " in ended.err
    assert "FACEBOOK" not in ended.err


def test_the_help_shows_what_an_option_takes_in_capitals() -> None:
    commands = list(typer.main.get_group(app).commands.values())
    while commands:
        command = commands.pop()
        commands += vars(command).get("commands", {}).values()
        for parameter in command.params:
            shown = (parameter.metavar or "").replace("|off", "").replace("NAME=VALUE", "")
            assert shown == shown.upper(), parameter.name


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
        assert "There is no database at" in ended.err
        assert "fbsync login or listen makes one" in ended.err
    assert run("sync", "--env-file", str(tmp_path / "none")).status == 2


@pytest.mark.parametrize("command", ["sync", "subscribe", "pages"])
def test_before_the_first_login_a_command_says_so(sandbox: Sandbox, command: str) -> None:
    ended = run(command, **settings(sandbox))
    assert (ended.status, ended.out) == (1, "")
    assert "fbsync login" in ended.err


def test_login_without_a_listener_stands_and_says_what_is_missing(consenting: Sandbox) -> None:
    environ = settings(consenting)
    ended = run("login", **environ)
    assert ended.status == 3, ended.err
    assert "failed  app subscription" in ended.out
    assert "skipped webhook test" in ended.out
    assert "3 stored" in ended.out
    assert "http" in ended.err.partition("Open this address")[2]
    assert run("sync", **environ).status == 0


def test_login_without_an_address_has_nothing_to_subscribe(consenting: Sandbox) -> None:
    assert run("login", **settings(consenting) | {"FACEBOOK_WEBHOOK_ADDRESS": ""}).status == 0


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
    ended = run_process("login", **settings(sandbox), BROWSER=f"{sys.executable} {browser} %s")
    assert ended.status == 1
    assert "cancelled" in ended.err


def test_a_browser_that_is_no_command_is_no_reason_to_fail(sandbox: Sandbox) -> None:
    ended = run_process("login", "--wait", "1s", **settings(sandbox), BROWSER="'unbalanced %s")
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


def test_sync_says_once_that_it_goes_slower_as_a_limit_fills(
    consenting: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fbsync.database.rate_budget.pause_seconds",
        lambda percent, lane: pause_seconds(percent, lane) / 1000,
    )
    environ = settings(consenting)
    run("login", "--only", **environ)
    switches = {"app_usage_percent": 75}
    consenting.client.post("/_sandbox/switches", json=switches).raise_for_status()
    for _ in range(2):
        ended = run("sync", **environ)
        assert ended.status == 0, ended.err
        assert ended.err.count("fbsync goes slower") == 1
    assert "Facebook's limit for the app is used to 75 %: fbsync goes slower." in ended.err


def test_a_change_of_the_page_fields_is_no_change_of_the_pages(consenting: Sandbox) -> None:
    one, two, _ = consenting.world.page_ids
    environ = settings(consenting) | {"FACEBOOK_PAGE_FIELDS": "id,name,description,phone"}
    run("login", "--only", **environ)
    assert run("sync", **environ).status == 0
    environ["FACEBOOK_PAGE_FIELDS"] = "id,name,about,phone"
    consenting.world.edit(two, {"phone": "+1 555 0199"})
    dry = json.loads(run("sync", "--dry-run", "--json", **environ).out)["pages"]
    found = json.loads(run("sync", "--json", **environ).out)
    assert found["counts"] == {"stored": 3}
    assert found["missed_webhooks"] == 1
    pages = {page["page_id"]: page for page in found["pages"]}
    for told in (*pages.values(), *dry):
        assert told["page_fields_added"] == ["about"]
        assert told["page_fields_removed"] == ["description"]
        names = [change["field"] for change in told["changes"]]
        assert names == (["phone"] if told["page_id"] == two else [])
    assert (pages[one]["missed_webhook"], pages[two]["missed_webhook"]) == ([], ["phone"])
    history = json.loads(run("history", one, "--json", **environ).out)["versions"]
    difference = json.loads(run("diff", one, "--json", **environ).out)
    for told in (history[0], difference):
        assert (told["changes"], told["page_fields_removed"]) == ([], ["description"])
    said = "asked for since: about; no longer asked for: description"
    for command in ("history", "diff"):
        assert said in " ".join(run(command, one, **environ, COLUMNS="140").out.split())
    missed = json.loads(run("status", "--json", **environ).out)["missed_webhooks"]
    assert (missed["count"], missed["last_page"]) == (1, two)
    assert json.loads(run("sync", "--json", **environ).out)["counts"] == {"unchanged": 3}


def test_another_store_than_last_time_gets_every_page(consenting: Sandbox, tmp_path: Path) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    assert json.loads(run("sync", "--json", **environ).out)["counts"] == {"stored": 3}
    moved = environ | {"FBSYNC_STORE_DIR": str(tmp_path / "other")}
    assert "another one" not in run("sync", "--dry-run", **moved).err
    ended = run("sync", "--json", **moved)
    assert "another one than last time" in ended.err
    assert "3 pages with 3 versions" in ended.err
    assert json.loads(ended.out)["counts"] == {"unchanged": 3}
    assert json.loads(run("sync", "--json", **moved).out)["counts"] == {"unchanged": 3}
    assert len(list(tmp_path.rglob("page_data.json"))) == 3


def test_dry_run_changes_nothing(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    found = json.loads(run("sync", "--dry-run", "--json", **environ).out)
    assert {page["outcome"] for page in found["pages"]} == {"would_change"}
    assert json.loads(run("sync", "--json", **environ).out)["counts"] == {"stored": 3}


def test_a_dry_run_sees_pages_that_are_gone_and_that_no_list_has(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    assert run("sync", **environ).status == 0
    gone, unlisted, _ = consenting.world.page_ids
    consenting.world.remove(gone)
    consenting.world.standings[unlisted] = Standing(listed=False)
    consenting.world.edit(unlisted, {"name": "Another name"})
    for _ in range(2):  # the first one changes nothing
        ended = run("sync", "--dry-run", "--json", **environ)
        assert ended.status == 3
        pages = {page["page_id"]: page["outcome"] for page in json.loads(ended.out)["pages"]}
        assert pages == {gone: "parked", unlisted: "would_change"}
    assert json.loads(run("sync", "--json", **environ).out)["counts"] == {
        "parked": 1,
        "stored": 1,
        "unchanged": 1,
    }


def test_sync_every_goes_on_where_nobody_is_logged_in(sandbox: Sandbox) -> None:
    command = [sys.executable, "-m", "fbsync", "sync", "--every", "1s"]
    file = Path("empty.sqlite3").absolute()
    Database(sqlite_url(file)).close()
    environ = environ_of(settings(sandbox) | {"FBSYNC_DATABASE_URL": sqlite_url(file)})
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = (line for line in process.stderr if "Nobody is logged in" in line)
        assert len(list(islice(said, 2))) == 2
        process.kill()


def test_ctrl_c_while_the_command_is_still_loaded_ends_quietly() -> None:
    program = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from fbsync.__main__ import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


def test_ctrl_c_between_two_runs_says_what_it_ended(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    with running("3 stored", "sync", "--every", "1h", **environ) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert "Stopped between two runs." in log_text()


def test_test_webhook_fails_where_nothing_listens(sandbox: Sandbox) -> None:
    ended = run("test-webhook", "--json", **settings(sandbox))
    assert ended.status == 1
    assert json.loads(ended.out)["ok"] is False


def test_subscribe_fails_where_the_handshake_does_and_says_why(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    ended = run("subscribe", "--json", **environ)
    assert ended.status == 1
    app = json.loads(ended.out)["app"]
    assert app["action"] == "failed"
    assert "The listener saw nothing" in app["detail"]
    assert "the connection was refused" in app["detail"]


def test_a_webhook_field_that_meta_does_not_have_is_named_with_the_nearest() -> None:
    ended = run("subscribe", "--fields", "name,emails", COLUMNS="200")
    assert ended.status == 2
    assert "emails (did you mean email?)" in ended.err
    ended = run("subscribe", FACEBOOK_WEBHOOK_FIELDS="name,emails")
    assert ended.status == 2
    assert "emails (did you mean email?)" in ended.err


def test_a_dry_run_of_subscribe_prints_the_plan_and_changes_nothing(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    ended = run("subscribe", "--dry-run", "--json", **environ)
    assert ended.status == 0
    found = json.loads(ended.out)
    assert (found["ok"], found["dry_run"]) == (True, True)
    assert (found["app"]["callback"], len(found["app"]["add"])) == ("none", 13)
    assert {len(page["add"]) for page in found["pages"]} == {13}
    assert "about" in found["polled_only"]
    assert consenting.world.app_subscriptions == {}
    assert consenting.world.page_subscriptions == {}


def test_fields_are_switched_on_and_off_again_by_name(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    with callback_server() as callback:
        environ["FACEBOOK_WEBHOOK_ADDRESS"] = callback.url
        on = run("subscribe", "--fields", "name,phone", "--json", **environ)
        assert on.status == 0, on.err
        assert {tuple(page["live"]) for page in json.loads(on.out)["pages"]} == {("name", "phone")}
        off = run("subscribe", "--fields", "phone", "--remove", "--json", **environ)
        assert {page["action"] for page in json.loads(off.out)["pages"]} == {"removed"}
        assert consenting.world.app_subscriptions["page"].fields == {"name"}
        assert set(consenting.world.page_subscriptions.values()) == {frozenset({"name"})}
        shown = run("subscribe", "--remove", **environ)
        assert shown.status == 0, shown.err
        assert "removed: 1 field taken off" in shown.out
    assert "page" not in consenting.world.app_subscriptions
    assert consenting.world.page_subscriptions == {}


def test_another_callback_is_taken_over_on_demand_only(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    with callback_server() as theirs, callback_server() as ours:
        assert run("subscribe", **environ | {"FACEBOOK_WEBHOOK_ADDRESS": theirs.url}).status == 0
        environ["FACEBOOK_WEBHOOK_ADDRESS"] = ours.url
        for options in (["--dry-run"], []):
            ended = run("subscribe", *options, **environ)
            assert ended.status == 1
            assert f"the app already calls {theirs.url}" in ended.out
        assert ours.handshakes == []
        found = json.loads(run("subscribe", "--replace-callback", "--json", **environ).out)
        assert (found["ok"], found["app"]["callback"]) == (True, "foreign")
        assert consenting.world.app_subscriptions["page"].callback_url == ours.url


def test_some_pages_alone_are_taken_off(consenting: Sandbox) -> None:
    environ, one = settings(consenting), "200000000000001"
    run("login", "--only", **environ)
    with callback_server() as callback:
        environ["FACEBOOK_WEBHOOK_ADDRESS"] = callback.url
        assert run("subscribe", one, **environ).status == 0
        assert set(consenting.world.page_subscriptions) == {one}
        assert run("subscribe", one, "--remove", **environ).status == 0
    assert consenting.world.page_subscriptions == {}
    assert "page" in consenting.world.app_subscriptions


def test_a_page_that_cannot_be_subscribed_is_status_3(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    consenting.client.post("/_sandbox/tokens/revoke", json={"page_id": "200000000000001"})
    with callback_server() as callback:
        ended = run("subscribe", **environ | {"FACEBOOK_WEBHOOK_ADDRESS": callback.url})
    assert ended.status == 3
    assert "page 200000000000001" in ended.out
    assert "13 fields at both levels for 2 of 3 pages" in ended.out


def test_pages_lists_what_needs_attention_and_ends_with_status_3(consenting: Sandbox) -> None:
    environ = settings(consenting)
    with callback_server() as callback:
        environ["FACEBOOK_WEBHOOK_ADDRESS"] = callback.url
        run("login", **environ)
        good = run("pages", "--json", **environ)
        assert good.status == 0, good.err
        found = json.loads(good.out)
        assert {page["version"] for page in found["pages"]} == {1}
        assert {len(page["live"]) for page in found["pages"]} == {13}
        assert all(page["stored_at"] for page in found["pages"])
    consenting.world.page_subscriptions.pop("200000000000002")
    bad = run("pages", **environ)
    assert bad.status == 3
    assert "page 200000000000002: 13 webhook fields off" in bad.out


def test_pages_lists_the_rest_where_facebook_cannot_be_reached(consenting: Sandbox) -> None:
    environ = settings(consenting)
    run("login", "--only", **environ)
    ended = run(
        "pages",
        "--json",
        **environ | {"FACEBOOK_GRAPH_URL": f"http://127.0.0.1:{free_port()}"},
    )
    assert ended.status == 3
    assert "cannot be reached" in ended.err
    assert len(json.loads(ended.out)["pages"]) == 3


def test_the_demo_is_one_json_object_and_leaves_the_renamed_page(tmp_path: Path) -> None:
    ended = run_process("demo", "--json", TMPDIR=str(tmp_path))
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
        assert not has_token(path.read_bytes()), path
