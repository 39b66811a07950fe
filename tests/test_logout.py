"""`fbsync logout`: revoked at Facebook, wiped here, and what happens where one of the two fails."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from fbsync.graph.oauth import OAuth
from fbsync.login.logout import LoggedOut, log_out
from fbsync.page import PageAccess, PageId, UserToken
from fbsync.sandbox.world import PERSON
from fbsync.settings.database import DatabaseSettings
from fbsync.settings.facebook import AppSettings, GraphSettings
from fbsync.wiring import Access, open_access
from tests.fbsync_inside import run
from tests.fbsync_process import listener, log_text
from tests.instant import NO_PATIENCE
from tests.servers import Sandbox, wait_until
from tests.test_cli import settings

SAM, ONE = PERSON["id"], PageId("200000000000001")
NO_FACEBOOK = "http://127.0.0.1:1"
REFUSED = {"message": "Not now", "code": 100}


@contextmanager
def opened(sandbox: Sandbox, url: str | None = None, key: str | None = None) -> Iterator[Access]:
    """What the command works on, with one login from the sandbox unless there is one."""
    world = sandbox.world
    with open_access(
        AppSettings(world.app_id, world.app_secret),
        GraphSettings(url or sandbox.url, "v26.0", ("id", "name")),
        DatabaseSettings(None, (key,) if key else ()),
        warn=print,
        patience=NO_PATIENCE,
        makes_database=True,
    ) as access:
        if not access.vault.names():
            user = sandbox.log_in()
            page = PageAccess(ONE, "Page", sandbox.page_token(user, ONE))
            access.vault.save(UserToken(SAM, "Sam", user), [page])
        yield access


@pytest.fixture
def access(sandbox: Sandbox) -> Iterator[Access]:
    with opened(sandbox) as one:
        yield one


def log_sam_out(access: Access, *, force: bool = False) -> LoggedOut:
    oauth = OAuth(access.connection)
    return log_out(SAM, "Sam", oauth, access.vault, access.departures, force=force)


def is_alive(sandbox: Sandbox, token: str) -> bool:
    answer = sandbox.client.get("/v26.0/me", params={"access_token": token})
    return answer.status_code == 200


class TestLogOut:
    def test_the_permissions_are_revoked_and_the_tokens_wiped(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        (user,) = access.vault.users()
        assert log_sam_out(access) == LoggedOut(SAM, "Sam", "revoked", [ONE])
        assert access.vault.users() == []
        assert access.vault.page_ids() == []
        assert "logged out" in str(access.inbox.pages()[ONE].reason)
        assert not is_alive(sandbox, user.token)

    def test_it_works_where_the_app_requires_proofs(self, access: Access, sandbox: Sandbox) -> None:
        sandbox.world.switches.require_proof = True
        assert log_sam_out(access).kind == "revoked"

    def test_a_token_that_had_ended_is_wiped_and_told(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        sandbox.client.post("/_sandbox/tokens/revoke", json={})
        assert log_sam_out(access) == LoggedOut(SAM, "Sam", "dead", [ONE])
        assert access.vault.users() == []

    def test_a_person_whom_metas_callback_dropped_first_is_out(self, access: Access) -> None:
        access.departures.log_out(SAM)
        assert log_sam_out(access).kind == "dead"

    def test_without_facebook_nothing_is_wiped_unless_forced(self, sandbox: Sandbox) -> None:
        with opened(sandbox, NO_FACEBOOK) as access:
            users = access.vault.users()
            kept = log_sam_out(access)
            assert (kept.kind, kept.ok) == ("kept", False)
            assert "cannot be reached" in kept.detail
            assert access.vault.users() == users
            assert access.inbox.pages() == {}
            forced = log_sam_out(access, force=True)
            assert (forced.kind, forced.ok, forced.detail) == ("forced", True, kept.detail)
            assert access.vault.users() == []
        assert is_alive(sandbox, users[0].token)

    def test_a_refusal_for_another_reason_wipes_nothing_either(
        self, access: Access, sandbox: Sandbox
    ) -> None:
        fault = {"path": "me/permissions", "error": REFUSED}
        sandbox.client.post("/_sandbox/faults", json=fault)
        assert log_sam_out(access).kind == "kept"
        assert len(access.vault.users()) == 1

    def test_a_token_under_a_lost_key_is_wiped_only_by_force(self, sandbox: Sandbox) -> None:
        with opened(sandbox):
            pass
        with opened(sandbox, key=Fernet.generate_key().decode()) as access:
            kept = log_sam_out(access)
            assert kept.kind == "kept"
            assert "FBSYNC_TOKEN_KEY" in kept.detail
            assert log_sam_out(access, force=True).kind == "forced"
            assert access.vault.names() == {}


class TestCommand:
    @pytest.fixture
    def environ(self, sandbox: Sandbox) -> dict[str, str]:
        """The settings of somebody who logged in and mirrored three pages."""
        sandbox.world.auto_consent = True
        environ = settings(sandbox)
        assert run("login", **environ).status == 3  # there is no listener to subscribe
        return environ

    def test_who_left_is_told_and_sync_then_says_that_nobody_is_logged_in(
        self, environ: dict[str, str]
    ) -> None:
        ended = run("logout", **environ)
        assert ended.status == 0, ended.err
        assert f"Sam Sandbox ({SAM}), 3 pages: logged out" in ended.out
        assert "stays in the store" in ended.err
        assert len(list(Path.home().rglob("page_data.json"))) == 3
        after = run("sync", **environ)
        assert after.status == 1
        assert "Nobody is logged in" in after.err

    def test_a_second_time_there_is_nobody(self, environ: dict[str, str]) -> None:
        run("logout", **environ)
        ended = run("logout", "--json", **environ)
        assert ended.status == 0
        assert json.loads(ended.out) == {"ok": True, "people": []}
        assert "Nobody is logged in." in ended.err

    def test_a_failure_is_status_1_and_force_goes_on(
        self, environ: dict[str, str], sandbox: Sandbox
    ) -> None:
        fault = {"path": "me/permissions", "error": REFUSED, "times": 2}
        sandbox.client.post("/_sandbox/faults", json=fault)
        ended = run("logout", "--user", SAM, **environ)
        assert ended.status == 1
        assert "still logged in" in ended.out
        assert "Not now" in ended.err
        assert "--force" in ended.err
        assert run("sync", **environ).status == 0
        forced = run("logout", "--user", SAM, "--force", "--json", **environ)
        assert forced.status == 0
        (person,) = json.loads(forced.out)["people"]
        assert (person["outcome"], len(person["pages"])) == ("forced", 3)

    def test_an_unknown_person_is_wrong_usage(self, environ: dict[str, str]) -> None:
        ended = run("logout", "--user", "77", **environ)
        assert (ended.status, ended.out) == (2, "")
        assert SAM in ended.err

    def test_one_failure_keeps_nobody_else_logged_in(
        self, environ: dict[str, str], sandbox: Sandbox
    ) -> None:
        with opened(sandbox) as access:
            access.vault.save(UserToken("7", "Ann\x1b[31m", sandbox.log_in()), [])
        fault = {"path": "me/permissions", "error": REFUSED}
        sandbox.client.post("/_sandbox/faults", json=fault)
        ended = run("logout", "--json", **environ)
        assert ended.status == 1
        found = json.loads(ended.out)
        assert found["ok"] is False
        people = {person["user_id"]: person["outcome"] for person in found["people"]}
        assert people == {SAM: "kept", "7": "revoked"}
        assert "\x1b" not in ended.err + run("logout", "--user", "8", **environ).err

    def test_after_a_new_login_all_is_as_before(self, environ: dict[str, str]) -> None:
        run("logout", **environ)
        assert run("login", "--only", **environ).status == 0
        found = json.loads(run("sync", "--json", **environ).out)
        assert found["counts"] == {"unchanged": 3}


class TestAtFacebook:
    """The person leaves under Settings > Apps and Websites, and the listener is told."""

    @pytest.fixture
    def environ(self, sandbox: Sandbox) -> Iterator[dict[str, str]]:
        """Logged in and mirrored, with a listener whose addresses stand in the dashboard."""
        sandbox.world.auto_consent = True
        environ = settings(sandbox)
        webhook = environ["FACEBOOK_WEBHOOK_ADDRESS"]
        port = httpx.URL(webhook).port or 0
        for kind in ("deauthorize", "deletion"):
            address = webhook.replace("webhook", kind)
            setattr(sandbox.world.switches, f"{kind}_callback", address)
        with listener(port, **environ):
            assert run("login", **environ).status == 0
            yield environ

    def test_removing_the_app_parks_the_pages_until_the_next_login(
        self, environ: dict[str, str], sandbox: Sandbox
    ) -> None:
        shown = sandbox.client.post("/_sandbox/deauthorize").json()
        assert (shown["accepted"], shown["answer"]) == (True, {"status": "success"})
        assert "deauthorize: the tokens of 3 pages dropped" in log_text()
        assert run("sync", **environ).status == 1
        one = run("sync", ONE, "--json", **environ)
        assert run("login", **environ).status == 0
        assert one.status == 1
        assert json.loads(run("sync", "--json", **environ).out)["counts"] == {"unchanged": 3}

    def test_a_deletion_is_confirmed_on_a_page_of_its_own(
        self, environ: dict[str, str], sandbox: Sandbox
    ) -> None:
        shown = sandbox.client.post("/_sandbox/deletion").json()
        assert shown["accepted"] is True
        prefix = environ["FACEBOOK_WEBHOOK_ADDRESS"].replace("webhook", "deletion/")
        assert shown["answer"]["url"] == prefix + shown["answer"]["confirmation_code"]
        page = httpx.get(shown["answer"]["url"], trust_env=False)
        assert "the tokens of 3 pages" in page.text
        (file,) = Path.home().rglob("fbsync.sqlite3")
        assert b"Sam Sandbox" not in file.read_bytes()
        assert len(list(Path.home().rglob("page_data.json"))) == 3

    def test_a_forged_call_does_nothing(self, environ: dict[str, str], sandbox: Sandbox) -> None:
        shown = sandbox.client.post("/_sandbox/deletion", json={"forged": True}).json()
        assert shown["status"] == 401
        assert run("sync", **environ).status == 0

    def test_a_logout_beside_a_listener_agrees_with_metas_call(
        self, environ: dict[str, str]
    ) -> None:
        ended = run("logout", **environ)
        assert ended.status == 0, ended.err
        assert "3 pages: logged out" in ended.out
        wait_until(lambda: "callback  deauthorize:" in log_text(), "Meta's call")
