"""One page's token is under another key than the others': it is told, and no command fails for all
of them."""

import json
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet

from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.sandbox.world import Standing
from tests.callback import callback_server
from tests.fbsync_inside import run
from tests.servers import Sandbox
from tests.test_cli import settings

ONE, TWO, THREE = (f"20000000000000{n}" for n in (1, 2, 3))


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def environ(sandbox: Sandbox, database_url: str) -> dict[str, str]:
    """The key was changed, and the login after that brought no new token for the third page."""
    sandbox.world.auto_consent = True
    found = settings(sandbox) | {"FBSYNC_DATABASE_URL": database_url}
    assert run("login", "--only", FBSYNC_TOKEN_KEY=new_key(), **found).status == 0
    sandbox.world.standings[THREE] = Standing(tasks=[])
    found["FBSYNC_TOKEN_KEY"] = new_key()
    assert run("login", "--only", **found).status == NEEDS_ATTENTION
    return found


def test_doctor_tells_of_the_one_and_what_to_do(environ: dict[str, str]) -> None:
    found = json.loads(run("doctor", "--json", **environ).out)
    tokens = found["tokens"]
    assert (found["ok"], tokens["state"]) == (False, "fault")
    assert (tokens["people"], tokens["unreadable_people"]) == (1, [])
    assert (tokens["pages"], tokens["unreadable_pages"]) == (3, [THREE])
    assert "1 of 3 pages" in tokens["detail"]
    assert "FBSYNC_TOKEN_KEY" in tokens["detail"]


def test_pages_shows_the_others_and_says_why_the_one_is_refused(environ: dict[str, str]) -> None:
    ended = run("pages", "--json", **environ)
    assert ended.status == NEEDS_ATTENTION, ended.err
    one, two, three = json.loads(ended.out)["pages"]
    assert (one["page_id"], one["token"], two["token"]) == (ONE, "ok", "ok")
    assert (three["page_id"], three["token"], three["live"]) == (THREE, "refused", None)
    assert "FBSYNC_TOKEN_KEY" in three["attention"][0]


def test_pages_tells_of_the_one_alone(environ: dict[str, str]) -> None:
    ended = run("pages", THREE, **environ)
    assert ended.status == NEEDS_ATTENTION, ended.err
    assert "encrypted with another key" in " ".join(ended.out.split())


def test_subscribe_plans_and_subscribes_the_others(
    sandbox: Sandbox, environ: dict[str, str]
) -> None:
    planned = run("subscribe", "--dry-run", **environ)
    assert planned.status == NEEDS_ATTENTION, planned.err
    assert f"page {THREE}" in planned.out
    with callback_server(port=urlsplit(environ["FACEBOOK_WEBHOOK_ADDRESS"]).port or 0):
        ended = run("subscribe", "--json", **environ)
    assert ended.status == NEEDS_ATTENTION, ended.err
    found = {page["page_id"]: page for page in json.loads(ended.out)["pages"]}
    assert [found[page]["action"] for page in (ONE, TWO, THREE)] == ["added", "added", "failed"]
    assert "FBSYNC_TOKEN_KEY" in found[THREE]["detail"]
    assert set(sandbox.world.page_subscriptions) == {ONE, TWO}


def test_where_nobodys_token_can_be_opened_the_key_is_wrong_and_nothing_is_shown(
    environ: dict[str, str],
) -> None:
    for command in ("pages", "subscribe", "sync"):
        ended = run(command, **environ | {"FBSYNC_TOKEN_KEY": new_key()})
        assert (ended.status, ended.out) == (1, ""), command
        assert "encrypted with another key" in ended.err
