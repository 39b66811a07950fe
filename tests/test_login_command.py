"""`fbsync login`: pasted answers, permissions, missing pages, ends of logins."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from fbsync.sandbox.switches import CONFIG_ID
from fbsync.sandbox.world import Standing
from tests.fbsync_inside import run
from tests.fbsync_process import Ended, listener, log_text
from tests.ports import free_port
from tests.servers import Sandbox

SUCCESS = "https://www.facebook.com/connect/login_success.html"
ONE, TWO, THREE = (f"20000000000000{n}" for n in (1, 2, 3))
DENIED = "error=access_denied&error_reason=user_denied&state={state}#_=_"


def settings(sandbox: Sandbox, **changes: str) -> dict[str, str]:
    return {
        "FACEBOOK_APP_ID": sandbox.world.app_id,
        "FACEBOOK_APP_SECRET": sandbox.world.app_secret,
        "FACEBOOK_REDIRECT_URI": f"http://localhost:{free_port()}/facebook/callback",
        "FACEBOOK_GRAPH_URL": sandbox.url,
    } | changes


@pytest.fixture
def consenting(sandbox: Sandbox) -> Sandbox:
    """A sandbox whose dialog says Continue by itself."""
    sandbox.world.auto_consent = True
    return sandbox


def decline(sandbox: Sandbox, *names: str) -> None:
    answer = sandbox.client.post("/_sandbox/permissions", json=dict.fromkeys(names, "declined"))
    assert answer.is_success


def login(sandbox: Sandbox, *options: str, **changes: str) -> tuple[Ended, dict[str, str]]:
    """How `fbsync login --only --json` ended, and the details of its steps."""
    ended = run("login", "--only", "--json", *options, **settings(sandbox, **changes))
    return ended, {step["name"]: step["detail"] for step in json.loads(ended.out)["steps"]}


class TestPermissions:
    def test_all_granted_is_a_line_with_the_ends_of_the_login(self, consenting: Sandbox) -> None:
        ended, steps = login(consenting)
        assert ended.status == 0, ended.err
        assert set(steps) == {"login", "permissions"}
        assert "token: until 20" in steps["login"]
        assert "access to data: until 20" in steps["login"]

    def test_a_declined_one_is_told_and_asked_for_again_on_demand(
        self, consenting: Sandbox
    ) -> None:
        decline(consenting, "pages_manage_metadata")
        for _ in range(2):  # Facebook does not ask again by itself
            ended, steps = login(consenting)
            assert ended.status == 3
            assert "declined: pages_manage_metadata" in steps["permissions"]
            assert "fbsync login --rerequest" in steps["permissions"]
            permissions = json.loads(ended.out)["login"]["permissions"]
            assert permissions["declined"] == ["pages_manage_metadata"]
        ended, steps = login(consenting, "--rerequest")
        assert ended.status == 0
        assert steps["permissions"] == "4 granted"

    def test_without_the_permission_for_fields_the_login_still_finds_the_pages(
        self, consenting: Sandbox
    ) -> None:
        decline(consenting, "pages_read_engagement")
        ended, _ = login(consenting)
        assert ended.status == 3
        assert json.loads(ended.out)["login"]["pages"] == [ONE, TWO, THREE]

    def test_without_the_permission_for_the_list_the_empty_list_is_explained(
        self, consenting: Sandbox
    ) -> None:
        decline(consenting, "pages_show_list")
        ended, steps = login(consenting)
        assert ended.status == 3
        assert "pages_show_list was not granted" in steps["pages"]

    def test_a_permission_that_was_never_asked_for_is_told(self, consenting: Sandbox) -> None:
        consenting.world.switches.config_scopes = "pages_show_list,pages_read_engagement"
        ended, steps = login(consenting, FACEBOOK_CONFIG_ID=CONFIG_ID)
        assert ended.status == 3
        assert steps["permissions"].startswith("not offered: pages_manage_metadata")

    def test_a_system_users_token_of_a_configuration_never_ends(self, consenting: Sandbox) -> None:
        consenting.world.switches.system_user_tokens = True
        ended, steps = login(consenting, FACEBOOK_CONFIG_ID=CONFIG_ID)
        assert ended.status == 0, ended.err
        assert "token: no end" in steps["login"]
        assert "config_id=" in ended.err
        assert "scope=" not in ended.err


class TestPages:
    def test_a_missing_page_has_its_reason_and_a_login_brings_it_back(
        self, consenting: Sandbox
    ) -> None:
        world = consenting.world
        environ = settings(consenting)
        assert run("login", "--only", **environ).status == 0
        world.standings[TWO] = Standing(tasks=[])
        ended = run("login", "--only", **environ)
        assert ended.status == 3
        assert f"{TWO} Bäckerei Süßmann: You have no task on it." in ended.out
        world.ended_page_tokens[TWO] = (len(world.logins), 492)
        assert run("sync", **environ).status == 3
        del world.standings[TWO]
        assert run("login", "--only", **environ).status == 0
        assert run("sync", **environ).status == 0

    def test_a_portfolios_pages_are_found_with_the_permission_for_it(
        self, consenting: Sandbox
    ) -> None:
        for page in (TWO, THREE):
            consenting.client.post(f"/_sandbox/pages/{page}/listing", json={"business": "9001"})
        ended, _ = login(consenting)
        assert json.loads(ended.out)["login"]["pages"] == [ONE]
        scopes = "pages_show_list,pages_manage_metadata,pages_read_engagement,business_management"
        ended, _ = login(consenting, FACEBOOK_SCOPES=scopes)
        assert json.loads(ended.out)["login"]["pages"] == [ONE, TWO, THREE]


class TestEnds:
    def test_other_commands_warn_of_a_login_that_ends_soon(self, consenting: Sandbox) -> None:
        consenting.world.switches.long_token_seconds = 6 * 86400
        environ = settings(consenting, FACEBOOK_VERIFY_TOKEN="a-verify-token")
        ended = run("login", "--only", **environ)
        assert "ends on" not in ended.err
        ended = run("sync", **environ)
        assert ended.status == 0, ended.err
        assert "The login of Sam Sandbox ends on " in ended.err
        assert "Run: fbsync login" in ended.err
        with listener(free_port(), **environ):
            assert "The login of Sam Sandbox ends on " in log_text()

    def test_an_expired_login_is_told_and_its_pages_are_mirrored_all_the_same(
        self, consenting: Sandbox
    ) -> None:
        environ = settings(consenting)
        assert run("login", "--only", **environ).status == 0
        consenting.client.post("/_sandbox/tokens/expiry", json={"expires_in": -1})
        ended = run("sync", "--json", **environ)
        assert ended.status == 3
        found = json.loads(ended.out)
        assert found["counts"] == {"stored": 3}
        assert [refused["name"] for refused in found["refused_logins"]] == ["Sam Sandbox"]
        assert "fbsync login" in found["refused_logins"][0]["reason"]


@dataclass
class Pasting:
    """`fbsync login --paste` that waits for its line, and the answer of its dialog."""

    process: subprocess.Popen[str]
    url: str

    @property
    def state(self) -> str:
        return dict(parse_qsl(urlsplit(self.url).query))["state"]

    def consent(self) -> str:
        """The address that a browser ends at; nothing opens it."""
        return str(httpx.post(self.url, trust_env=False).headers["Location"])

    def paste(self, line: str) -> Ended:
        out, err = self.process.communicate(line, timeout=60)
        return Ended(self.process.returncode, out, err)


@contextmanager
def pasting(sandbox: Sandbox, redirect: str = SUCCESS) -> Iterator[Pasting]:
    process = subprocess.Popen(
        [sys.executable, "-m", "fbsync", "login", "--only", "--paste"],
        env={**os.environ, **settings(sandbox, FACEBOOK_REDIRECT_URI=redirect)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        for line in process.stderr:
            if line.startswith("http"):
                yield Pasting(process, line.strip())
                break
        else:
            pytest.fail("no address was shown")
    finally:
        process.kill()
        process.communicate()


class TestPaste:
    @pytest.mark.parametrize("redirect", [SUCCESS, "http://localhost:5000/facebook/callback"])
    def test_the_pasted_address_ends_the_login_and_the_code_is_not_shown(
        self, sandbox: Sandbox, redirect: str
    ) -> None:
        with pasting(sandbox, redirect) as login:
            address = login.consent()
            assert address.startswith(f"{redirect}?code=")
            ended = login.paste(f"{address}\n")
        assert ended.status == 0, ended.err
        assert "Sam Sandbox, 3 pages" in ended.out
        code = dict(parse_qsl(urlsplit(address).query))["code"]
        assert code not in ended.out + ended.err

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("", "Nothing was pasted"),
            ("\n", "Nothing was pasted"),
            (f"{SUCCESS}?code=AQ&state=other\n", "another login"),
            ("https://example.com/?code=AQ&state={state}\n", "not the address"),
            (SUCCESS + "?" + DENIED, "cancelled"),
        ],
    )
    def test_what_is_no_answer_ends_with_a_message(
        self, sandbox: Sandbox, line: str, told: str
    ) -> None:
        with pasting(sandbox) as login:
            ended = login.paste(line.format(state=login.state))
        assert (ended.status, ended.out) == (1, "")
        assert told in ended.err
        assert "Traceback" not in ended.err

    def test_without_it_an_https_redirect_is_refused_with_the_way_out(
        self, sandbox: Sandbox
    ) -> None:
        ended = run("login", **settings(sandbox, FACEBOOK_REDIRECT_URI=SUCCESS))
        assert (ended.status, ended.out) == (2, "")
        assert "fbsync login --paste" in ended.err

    def test_on_a_terminal_the_pasted_line_is_not_echoed(self, sandbox: Sandbox) -> None:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "fbsync", "login", "--only", "--paste"],
            env={**os.environ, **settings(sandbox, FACEBOOK_REDIRECT_URI=SUCCESS)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            shown = _read_until(ours, b"(it is not shown): ")
            found = re.search(rf"{re.escape(sandbox.url)}\S+", shown.decode())
            assert found is not None
            address = str(httpx.post(found[0], trust_env=False).headers["Location"])
            os.write(ours, f"{address}\n".encode())
            shown = _read_until(ours, b"granted")
            assert b"Sam Sandbox, 3 pages" in shown
            assert b"code=" not in shown
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
            os.close(ours)


def _read_until(terminal: int, end: bytes) -> bytes:
    shown = b""
    while end not in shown:
        part = os.read(terminal, 4096)
        assert part, shown
        shown += part
    return shown
