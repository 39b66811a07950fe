"""fbsync in a FastAPI program of somebody else, on a real uvicorn."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
import pytest
from sqlalchemy import select

from fbsync.database.engine import Database
from fbsync.database.schema import deliveries
from fbsync.page import PageId
from fbsync.ports import page_key
from fbsync.store.directory import DirectoryStore
from fbsync.webhook import sign
from tests import servers
from tests.fbsync_inside import run
from tests.fbsync_process import log_text, running
from tests.ports import free_port
from tests.servers import Sandbox, wait_until
from tests.signed_load import SignedLoad
from tests.test_architecture import ROOT
from tests.test_journey import APP, PAGE, settings, world

MOUNT_ALONE = """
import os, signal, sys
import uvicorn
from fastapi import FastAPI
from fbsync import fbsync_app

app = FastAPI()
app.mount("/facebook", fbsync_app())

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(app, port=int(sys.argv[1]))
"""


@dataclass(frozen=True)
class Bot:
    """A folder for the program, its port and settings, and what is behind it."""

    sandbox: Sandbox
    port: int
    settings: dict[str, str]
    store: DirectoryStore

    def uvicorn(self, *options: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        arguments = ("bot:app", "--port", str(self.port), *options)
        up = "Application startup complete"
        return running(up, *arguments, program=("uvicorn",), **self.settings)

    def program(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        up = "Uvicorn running on"
        return running(up, str(self.port), program=("bot",), **self.settings)

    def send(self, name: str, secret: str = APP["FACEBOOK_APP_SECRET"]) -> int:
        """The page has this name now, and a signed event says that something changed."""
        self.sandbox.world.edit(PAGE, {"name": name})
        entry = {"id": PAGE, "time": 1, "changes": [{"field": "name", "value": name}]}
        body = json.dumps({"object": "page", "entry": [entry]}).encode()
        address = f"http://127.0.0.1:{self.port}/facebook/webhook"
        sent = httpx.post(address, content=body, headers=sign(body, secret), trust_env=False)
        return sent.status_code

    def mirrored_name(self) -> object:
        found = self.store.get(page_key(PageId(PAGE)))
        return json.loads(found)["name"] if found else None

    def wait_for(self, name: str) -> None:
        wait_until(lambda: self.mirrored_name() == name, "the mirror")

    def recorded(self) -> set[str]:
        with (
            closing(Database(self.settings["FBSYNC_DATABASE_URL"])) as database,
            database.read() as connection,
        ):
            return set(connection.execute(select(deliveries.c.digest)).scalars())


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    port = free_port()
    local = {
        "FBSYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'fbsync.sqlite3'}",
        "FBSYNC_STORE_DIR": str(tmp_path / "store"),
    }
    with servers.sandbox(world()) as sandbox:
        store = DirectoryStore(tmp_path / "store", "facebook")
        login = {"FACEBOOK_REDIRECT_URI": f"http://localhost:{free_port()}/facebook/callback"}
        yield Bot(sandbox, port, settings(sandbox, port) | local | login, store)


def readme_example() -> str:
    (found,) = re.findall(r"```python\n(# bot.py\n.*?)```", (ROOT / "README.md").read_text(), re.S)
    return str(found)


def test_the_readme_example_takes_events_and_mirrors_their_page(bot: Bot) -> None:
    Path("bot.py").write_text(readme_example())
    page = f"http://127.0.0.1:{bot.port}/pages/{PAGE}"
    with bot.uvicorn() as process:
        assert httpx.get(page, trust_env=False).status_code == 503  # nothing is mirrored yet
        login = run("login", "--json", **bot.settings)  # with handshake, subscription and test
        assert login.status == 0, login.err
        assert bot.send("Told by an event") == 200
        bot.wait_for("Told by an event")
        assert httpx.get(page, trust_env=False).json() == "Told by an event"
        for unknown in ("9", "blue-bottle"):
            address = f"http://127.0.0.1:{bot.port}/pages/{unknown}"
            assert httpx.get(address, trust_env=False).status_code == 404
        assert bot.send("Told by an event", secret="another") == 401
        process.send_signal(signal.SIGTERM)
        # uvicorn ends its lifespan and then sends itself the signal that it got.
        assert process.wait(30) == -signal.SIGTERM
    assert "Application shutdown complete" in log_text()
    assert APP["FACEBOOK_APP_SECRET"] not in log_text()
    assert "GET /facebook/webhook?hub." in log_text()
    assert bot.settings["FACEBOOK_VERIFY_TOKEN"] not in log_text()


def test_the_mount_alone_is_enough_and_the_program_ends_with_status_0(bot: Bot) -> None:
    Path("bot.py").write_text(MOUNT_ALONE)
    assert run("login", "--only", **bot.settings).status == 0
    with bot.program() as process:
        token = bot.settings["FACEBOOK_VERIFY_TOKEN"]
        query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "7"}
        address = f"http://127.0.0.1:{bot.port}/facebook/webhook"
        assert httpx.get(address, params=query, trust_env=False).text == "7"
        assert bot.send("Told by an event") == 200
        bot.wait_for("Told by an event")
        assert bot.send("Told at the end") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "Traceback" not in log_text(), log_text()
    assert "hub.challenge=7" in log_text()
    assert token not in log_text()
    assert len(bot.recorded()) == 2
    with bot.program():
        assert bot.send("Told at the end") == 200  # the start, which finds what was left
        bot.wait_for("Told at the end")


@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one process", "two"])
def test_every_200_is_in_the_inbox_after_kill_9_under_load(bot: Bot, options: list[str]) -> None:
    Path("bot.py").write_text(MOUNT_ALONE)
    secret = APP["FACEBOOK_APP_SECRET"]
    chance = Random(7)  # noqa: S311 - no secret depends on it
    load = SignedLoad([bot.port], secret, [PAGE], lambda *_: None, chance)
    with bot.uvicorn(*options) as process:
        load.__enter__()
        wait_until(lambda: len(load.acknowledged) > 200, "some answers")
        for child in children_of(process.pid):
            signal.pidfd_send_signal(child, signal.SIGKILL)
        process.kill()
        process.wait()
    with bot.uvicorn():  # it is there again, and what was not answered is sent once more
        load.__exit__()
    assert len(load.acknowledged) > 200
    assert load.acknowledged <= bot.recorded()


def children_of(pid: int) -> Iterator[int]:
    """Open descriptors of the processes that this one started."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield os.pidfd_open(int(child))


def test_importing_fbsync_loads_nothing_heavy() -> None:
    heavy = "{'sqlalchemy', 'boto3', 'starlette', 'rich', 'httpx'}"
    program = f"import sys, fbsync; print({heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout == b"set()\n"
