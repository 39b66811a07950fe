"""Canaries: known secrets go through every command, and are looked for in all that comes out.

Searched: what the commands print, the listener's log in both formats, its metrics, the request
lines that the Graph API gets, the arguments of the processes, every stored object, and the
database's bytes.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from fbsync.sandbox.tokens import page_token, user_token
from fbsync.sandbox.world import Switches, World
from tests import servers
from tests.fbsync_inside import run
from tests.fbsync_process import Ended, listener, log_text, run_process
from tests.ports import free_port
from tests.servers import Sandbox, wait_until

VERIFY_TOKEN = "canary-verify-token-7f3a"
SPACES_SECRET = "canary-spaces-secret-51c2"
OTHER_SECRET = "feedc0de" * 4


@dataclass
class Watched:
    """A sandbox, the request lines that it got, and what the commands said."""

    sandbox: Sandbox
    settings: dict[str, str]
    port: int
    request_lines: list[str]
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: str, **changes: str) -> Ended:
        return self._note(run(*arguments, **(self.settings | changes)))

    def run_process(self, *arguments: str) -> Ended:
        """The same as a process, whose last words are heard, too."""
        return self._note(run_process(*arguments, **self.settings))

    def _note(self, ended: Ended) -> Ended:
        self.said += [ended.out, ended.err]
        return ended

    def secrets(self) -> dict[str, str]:
        """Each by a name that a failure may show."""
        world = self.sandbox.world
        tokens = {"app token": world.app_token}
        for login in world.logins.values():
            tokens[f"user token {login.number}"] = user_token(world, login)
            for page in world.page_ids:
                tokens[f"token {login.number} of page {page}"] = page_token(world, login, page)
        found = tokens | {f"proof of {name}": self._proof(token) for name, token in tokens.items()}
        found |= {f"code {number}": code for number, code in enumerate(world.codes)}
        found |= {"app secret": world.app_secret, "another secret": OTHER_SECRET}
        found |= {"verify token": VERIFY_TOKEN, "Spaces secret": SPACES_SECRET}
        (key_file,) = Path.home().rglob("token.key")
        return found | {"token key": key_file.read_text().strip()}

    def _proof(self, token: str) -> str:
        secret = self.sandbox.world.app_secret.encode()
        return hmac.new(secret, token.encode(), hashlib.sha256).hexdigest()


def noting(lines: list[str]) -> Callable[[ASGIApp], ASGIApp]:
    """Write down each request's line, as a proxy's log would."""

    def around(app: ASGIApp) -> ASGIApp:
        async def watch(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                query = scope["query_string"].decode()
                lines.append(f"{scope['method']} {scope['path']}?{query}")
            await app(scope, receive, send)

        return watch

    return around


@pytest.fixture
def watched() -> Iterator[Watched]:
    lines: list[str] = []
    port = free_port()
    world = World(page_count=3, auto_consent=True, switches=Switches(retry_first_seconds=0.02))
    with servers.sandbox(world, noting(lines)) as sandbox:
        settings = {
            "FACEBOOK_APP_ID": world.app_id,
            "FACEBOOK_APP_SECRET": world.app_secret,
            "FACEBOOK_REDIRECT_URI": f"http://localhost:{port}/facebook/callback",
            "FACEBOOK_WEBHOOK_ADDRESS": f"http://127.0.0.1:{port}/facebook/webhook",
            "FACEBOOK_VERIFY_TOKEN": VERIFY_TOKEN,
            "FACEBOOK_GRAPH_URL": sandbox.url,
            "FBSYNC_STORE_DIR": "store",
        }
        yield Watched(sandbox, settings, port, lines)


def command_lines() -> str:
    """The arguments of all processes that can be seen."""
    texts = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            texts.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended meanwhile
    return "\n".join(texts)


def kept_bytes() -> list[bytes]:
    """Every file that the commands wrote, but the key file."""
    files = [*Path.home().rglob("*"), *Path("store").rglob("*")]
    return [file.read_bytes() for file in files if file.is_file() and file.name != "token.key"]


def fault(watched: Watched, path: str, **error: object) -> None:
    """The next call there fails with a message that repeats secrets, as Meta's sometimes do."""
    world = watched.sandbox.world
    login = world.logins[max(world.logins)]
    token = page_token(world, login, world.page_ids[0])
    message = f"Malformed access token {token} of {world.app_token}, secret {world.app_secret}"
    body = {"path": path, "times": 1, "error": {"message": message, **error}}
    watched.sandbox.client.post("/_sandbox/faults", json=body).raise_for_status()


def play_well(watched: Watched) -> None:
    """Every command as it should go."""
    assert watched.run_process("login").status == 3  # nobody listens yet
    operations = free_port()
    options = ("--log-format", "json", "--metrics", f"127.0.0.1:{operations}")
    with listener(watched.port, ("fbsync",), *options, **watched.settings):
        assert watched.run_process("subscribe").status == 0
        assert watched.run("subscribe", "--dry-run", "--json").status == 0
        assert watched.run("login", "--json").status == 0
        assert watched.run_process("pages", "--json").status == 0
        assert watched.run_process("test-webhook", "--case", "all", "--json").status == 0
        page = watched.sandbox.world.page_ids[0]
        watched.sandbox.client.post(f"/_sandbox/pages/{page}", json={"name": "New"})
        file = Path(f"store/facebook/{page}/history/000002.json")
        wait_until(file.exists, "the new version")
        assert watched.run_process("sync", "--json").status == 0
        assert watched.run("sync", "--dry-run").status == 0
        watched.said += [command_lines(), *operators_answers(operations)]
        assert "fbsync_versions_stored_total" in watched.said[-1]


def operators_answers(port: int) -> list[str]:
    """Health, readiness and metrics."""
    paths = ("healthz", "readyz", "metrics")
    return [httpx.get(f"http://127.0.0.1:{port}/{path}", trust_env=False).text for path in paths]


def play_badly(watched: Watched) -> None:
    """Every command as it may fail."""
    page = watched.sandbox.world.page_ids[0]
    assert watched.run("login", "--only", FACEBOOK_APP_SECRET=OTHER_SECRET).status == 1
    assert watched.run("sync", FACEBOOK_APP_SECRET=OTHER_SECRET).status == 1
    fault(watched, "oauth/access_token", code=100, type="OAuthException")
    assert watched.run("login", "--only").status == 1
    fault(watched, "me/accounts", code=190, type="OAuthException")
    watched.run("sync")
    fault(watched, f"{page}/subscribed_apps", code=200, type="OAuthException")
    assert watched.run("subscribe").status in (1, 3)
    fault(watched, f"{watched.sandbox.world.app_id}/subscriptions", code=100)
    assert watched.run("subscribe").status == 1
    watched.run("subscribe", FACEBOOK_WEBHOOK_ADDRESS=f"http://127.0.0.1:{free_port()}/hook")
    watched.sandbox.world.edit(page, {"about": "Changed, so that the page is read by itself"})
    watched.sandbox.client.post("/_sandbox/tokens/revoke", json={"page_id": page})
    assert watched.run("sync").status == 3
    spaces = {
        "SPACES_BUCKET": "bucket",
        "SPACES_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "SPACES_ACCESS_KEY": "key",
        "SPACES_SECRET_KEY": SPACES_SECRET,
        "FBSYNC_STORE_DIR": "",
    }
    operations = free_port()
    option = ("--metrics", f"127.0.0.1:{operations}")
    with listener(watched.port, ("fbsync",), *option, **(watched.settings | spaces)):
        changed = f"/_sandbox/pages/{watched.sandbox.world.page_ids[1]}"
        watched.sandbox.client.post(changed, json={"name": "Not to be stored"})
        wait_until(lambda: "put off" in log_text(), "the failure of the store")
        address = watched.settings["FACEBOOK_WEBHOOK_ADDRESS"]
        watched.run("test-webhook", FACEBOOK_APP_SECRET=OTHER_SECRET)
        watched.run("test-webhook", FACEBOOK_VERIFY_TOKEN="another-token")
        query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": ""}
        httpx.get(address, params=query, trust_env=False)
        httpx.post(address, content=VERIFY_TOKEN, trust_env=False)
        addresses = {
            f"{kind}_callback": address.replace("/webhook", f"/{path}")
            for kind, path in (("deauthorize", "deauthorize"), ("deletion", "deletion"))
        }
        watched.sandbox.client.post("/_sandbox/switches", json=addresses).raise_for_status()
        for path in ("deletion", "deauthorize"):
            for forged in (True, False):
                told = {"user_id": "5", "forged": forged}
                watched.sandbox.client.post(f"/_sandbox/{path}", json=told).raise_for_status()
        watched.said += operators_answers(operations)
    assert watched.run("pages").status == 3
    fault(watched, "me/permissions", code=2, type="OAuthException")
    assert watched.run("logout", FACEBOOK_GRAPH_URL=f"http://127.0.0.1:{free_port()}").status == 1
    watched.sandbox.client.post("/_sandbox/tokens/revoke", json={})
    assert watched.run("sync").status == 3
    assert watched.run_process("logout", "--json").status == 0
    assert watched.run("sync").status == 1


def paste(watched: Watched, answer: str) -> None:
    """`fbsync login --paste`, given the address that a browser may have ended at."""
    ended = run("login", "--only", "--paste", given=answer, **watched.settings)
    watched.said += [ended.out, ended.err]
    assert ended.status == 1


def test_no_secret_comes_out_anywhere(watched: Watched) -> None:
    play_well(watched)
    code = watched.sandbox.code()
    paste(watched, f"{watched.settings['FACEBOOK_REDIRECT_URI']}?code={code}&state=another#_=_\n")
    paste(watched, f"https://elsewhere.example/?code={code}\n")
    play_badly(watched)
    said = "\n".join([*watched.said, log_text()])
    # The dialog's answers go to the browser, which no request line of ours is about.
    lines = "\n".join(line for line in watched.request_lines if "/dialog/" not in line)
    kept = kept_bytes()
    assert "first data" in said
    assert "POST /v26.0/" in lines
    assert len(kept) > 6
    secrets = watched.secrets()
    assert len(secrets) > 40
    leaks = [
        f"{name} in {place}"
        for name, secret in secrets.items()
        for place, text in (("a message", said), ("a request line", lines))
        if secret in text
    ]
    leaks += [
        f"{name} in a file"
        for name, secret in secrets.items()
        if any(secret.encode() in content for content in kept)
    ]
    assert leaks == []
    assert re.findall(r"EAA\w+", said) == []
