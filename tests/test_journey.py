"""The whole journey with real parts: commands, sockets, a database file, S3.

sandbox -> login -> subscribe -> listener -> worker -> store; then with a crash at each door.
"""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from uuid import uuid4

import httpx
import pytest

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.page import PageId
from fbsync.ports import ObjectStore, history_key, page_key
from fbsync.sandbox.world import Switches, World
from fbsync.store.directory import DirectoryStore
from tests import servers
from tests.buckets import BUCKET, keys_in, make_bucket
from tests.buckets import spaces as spaces_store
from tests.conftest import SERVERS_ARE_REQUIRED
from tests.crash import DOORS, LATER
from tests.fbsync_inside import run
from tests.fbsync_process import listener, log_text, run_process
from tests.leaks import has_token
from tests.ports import free_port
from tests.servers import S3Server, Sandbox, wait_until

APP = {"FACEBOOK_APP_ID": "123456789012345", "FACEBOOK_APP_SECRET": "0123456789abcdef" * 2}
PAGE = PageId("200000000000002")


@dataclass(frozen=True)
class Shop:
    """A business with its pages on the sandbox, and fbsync's settings for it."""

    sandbox: Sandbox
    port: int
    settings: dict[str, str]
    store: ObjectStore

    def rename(self, name: str) -> None:
        answer = self.sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"name": name})
        assert answer.is_success

    def mirrored_name(self) -> object:
        found = self.store.get(page_key(PAGE))
        return json.loads(found)["name"] if found else None

    def history(self) -> list[dict[str, object]]:
        keys = keys_in(self.store, f"{PAGE}/history/")
        assert keys == [history_key(PAGE, number + 1) for number in range(len(keys))]
        return [json.loads(self.store.get(key) or b"") for key in keys]


def settings(sandbox: Sandbox, port: int) -> dict[str, str]:
    """What the seed's tutorial sets, and the address of the sandbox."""
    return APP | {
        "FACEBOOK_REDIRECT_URI": f"http://localhost:{port}/facebook/callback",
        "FACEBOOK_WEBHOOK_ADDRESS": f"http://127.0.0.1:{port}/facebook/webhook",
        "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
        "FACEBOOK_GRAPH_URL": sandbox.url,
    }


def world() -> World:
    return World(
        page_count=30,
        app_id=APP["FACEBOOK_APP_ID"],
        app_secret=APP["FACEBOOK_APP_SECRET"],
        auto_consent=True,
        switches=Switches(retry_first_seconds=0.2),
    )


@pytest.fixture
def shop(seaweedfs: S3Server) -> Iterator[Shop]:
    """A shop whose pages go to a bucket."""
    make_bucket(seaweedfs)
    prefix, port = f"facebook-{uuid4().hex}", free_port()
    spaces = {
        "bucket": BUCKET,
        "region": "nyc3",
        "access_key": seaweedfs.access_key,
        "secret_key": seaweedfs.secret_key,
        "prefix": prefix,
        "endpoint": seaweedfs.endpoint,
    }
    environ = {f"SPACES_{name.upper()}": value for name, value in spaces.items()}
    with servers.sandbox(world()) as sandbox:
        store = spaces_store(seaweedfs, prefix)
        yield Shop(sandbox, port, settings(sandbox, port) | environ, store)


@pytest.fixture(scope="module")
def local_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that is logged in, subscribed and mirrored to a folder; shared by the crashes."""
    folder, port = tmp_path_factory.mktemp("shop"), free_port()
    local = {
        "FBSYNC_DATABASE_URL": f"sqlite:///{folder / 'fbsync.sqlite3'}",
        "FBSYNC_STORE_DIR": str(folder / "store"),
    }
    with servers.sandbox(world()) as sandbox:
        environ = settings(sandbox, port) | local
        store = DirectoryStore(folder / "store", "facebook")
        yield Shop(sandbox, port, environ, store)


def test_five_commands_as_five_processes(shop: Shop) -> None:
    with listener(shop.port, **shop.settings) as listening:
        login = run_process("login", "--json", **shop.settings)
        assert login.status == 0, login.err
        steps = {step["name"]: step["state"] for step in json.loads(login.out)["steps"]}
        assert set(steps.values()) == {"done"}, steps
        assert shop.mirrored_name() == "Bäckerei Süßmann"

        subscribed = json.loads(run_process("subscribe", "--json", **shop.settings).out)
        assert {level["action"] for level in subscribed["pages"]} == {"kept"}
        assert run_process("test-webhook", **shop.settings).status == 0

        before = keys_in(shop.store)
        for _ in range(2):
            again = json.loads(run_process("sync", "--json", **shop.settings).out)
            assert again["counts"] == {"unchanged": 30}
        assert keys_in(shop.store) == before

        shop.rename("Bäckerei Süßmann & Töchter ☕")
        wait_until(lambda: len(shop.history()) == 2, "the new version")
        wait_until(lambda: shop.mirrored_name() == "Bäckerei Süßmann & Töchter ☕", "the mirror")
        assert shop.history()[1]["noticed_by"] == "webhook"

        listening.send_signal(signal.SIGTERM)
        assert listening.wait(30) == 0
    assert_no_secret_leaked(shop, login.out + login.err + log_text())


def test_what_no_webhook_told_is_found_by_sync(shop: Shop) -> None:
    assert run("login", **shop.settings).status in (0, 3)  # 3 where nobody subscribed before
    shop.rename("Nobody told")
    dry = json.loads(run("sync", "--dry-run", "--json", **shop.settings).out)
    assert dry["pages"][0]["page_id"] == PAGE
    assert shop.mirrored_name() == "Bäckerei Süßmann"
    found = json.loads(run("sync", PAGE, "--json", **shop.settings).out)
    assert found["counts"] == {"stored": 1}
    assert shop.mirrored_name() == "Nobody told"
    assert shop.history()[1]["noticed_by"] == "sync"


def test_kill_9_between_the_200_and_the_upload_loses_nothing(shop: Shop) -> None:
    with listener(shop.port, **shop.settings):
        assert run("login", **shop.settings).status == 0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        # A store that takes the connection and never answers holds the upload up.
        stalled = {"SPACES_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with listener(shop.port, **(shop.settings | stalled)) as listening:
            shop.rename("Said before the crash")
            upload, _ = silent.accept()
            wait_until(lambda: delivered(shop), "the 200")
            listening.send_signal(signal.SIGKILL)
            assert listening.wait(30) == -signal.SIGKILL
            upload.close()
    assert shop.mirrored_name() == "Bäckerei Süßmann"
    with listener(shop.port, ("tests.crash", LATER), **shop.settings):
        wait_until(lambda: shop.mirrored_name() == "Said before the crash", "the mirror")


def delivered(shop: Shop) -> bool:
    deliveries = shop.sandbox.client.get("/_sandbox/deliveries").json()["data"]
    return bool(deliveries) and all(record["delivered"] for record in deliveries)


def settled(shop: Shop) -> bool:
    """Whether no mark waits, which the next listener would meet before it is up."""
    with closing(Database(shop.settings["FBSYNC_DATABASE_URL"])) as database:
        return DatabaseInbox(database).status().waiting == 0


@pytest.mark.parametrize("door", DOORS)
def test_a_crash_at_any_door_loses_nothing(local_shop: Shop, door: str) -> None:
    shop = local_shop
    if shop.mirrored_name() is None:
        with listener(shop.port, **shop.settings):
            assert run("login", **shop.settings).status == 0
    versions = len(shop.history())
    with listener(shop.port, ("tests.crash", door), **shop.settings) as listening:
        shop.rename(f"Renamed before {door}")
        assert listening.wait(30) == -signal.SIGKILL
    with listener(shop.port, ("tests.crash", LATER), **shop.settings) as listening:
        wait_until(lambda: shop.mirrored_name() == f"Renamed before {door}", "the mirror")
        wait_until(lambda: delivered(shop), "the 200 to a delivery that was sent again")
        wait_until(lambda: settled(shop), "the end of all work")
        listening.send_signal(signal.SIGTERM)
        assert listening.wait(30) == 0
    assert len(shop.history()) == versions + 1
    assert shop.history()[-1]["changes"]


@pytest.fixture
def openssl() -> str:
    """The program `openssl`."""
    found = which("openssl")
    if found is None and SERVERS_ARE_REQUIRED:
        pytest.fail("openssl is absent")
    if found is None:
        pytest.skip("openssl is absent, so no independent signature can be made")
    return found


def test_a_delivery_signed_by_openssl_is_accepted_and_a_changed_one_is_not(
    openssl: str, tmp_path: Path
) -> None:
    port = free_port()
    environ = APP | {
        "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
        "FBSYNC_STORE_DIR": str(tmp_path / "store"),
    }
    body = rb'{"object":"page","entry":[{"id":"1","time":1,"changes":[{"field":"name","value":'
    body += rb'"Caf\u00e9 \u2615 \/\u003C\u0025\u0040"}]}]}'
    other = body.replace(b'"page"', b'"user"')

    def sign(text: bytes) -> str:
        command = [openssl, "dgst", "-sha256", "-hmac", APP["FACEBOOK_APP_SECRET"]]
        signed = subprocess.run(command, input=text, capture_output=True, check=True)
        return "sha256=" + signed.stdout.decode().split("= ")[1].strip()

    def post(text: bytes, signature: str | None) -> int:
        headers = {"X-Hub-Signature-256": signature} if signature else {}
        address = f"http://127.0.0.1:{port}/facebook/webhook"
        return httpx.post(address, content=text, headers=headers, trust_env=False).status_code

    with listener(port, **environ):
        assert post(body, sign(body)) == 200
        for index in (0, 40, len(body) - 1):
            changed = body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]
            assert post(changed, sign(body)) == 401
        assert post(body, None) == 401
        assert post(other, sign(other)) == 400


def assert_no_secret_leaked(shop: Shop, said: str) -> None:
    """No access token in an object, in what the commands said, or on disk in the clear."""
    for key in keys_in(shop.store):
        assert b"EAA" not in (shop.store.get(key) or b"")
    assert "EAA" not in said
    assert APP["FACEBOOK_APP_SECRET"] not in said
    files = [path for path in Path(os.environ["HOME"]).rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert not has_token(path.read_bytes()), path
