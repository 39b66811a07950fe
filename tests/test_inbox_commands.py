"""The inbox on the command line beside a listener that runs; on both databases."""

import hashlib
import json
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from fbsync.database.delivery_log import DeliveryLog, Wanted
from fbsync.database.engine import Database
from fbsync.webhook import sign
from tests.fbsync_inside import run
from tests.fbsync_process import listener, worker
from tests.kept import ONE, TWO, Kept
from tests.ports import free_port
from tests.servers import wait_until
from tests.test_journey import APP

EVENT = b'{"object": "page", "entry": [{"id": "7", "changes": [{"field": "name"}]}]}'
POISON = [
    b'{"object": "page", "entry": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"object": "page", "entry": ' + b"9" * 5000 + b"}",
    b'{"object": "page", "entry": [{"id": "../../etc"}]}',
]


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    """Settings of a listener to which nobody has logged in, and without a Facebook."""
    return APP | {
        "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
        "FACEBOOK_GRAPH_URL": "http://127.0.0.1:1",
        "FBSYNC_DATABASE_URL": database_url,
        "FBSYNC_TOKEN_KEY": Fernet.generate_key().decode(),
        "FBSYNC_STORE_DIR": str(tmp_path / "store"),
    }


def listed(environ: dict[str, str], *arguments: str) -> list[str]:
    """The digests of the events that the command lists."""
    ended = run("events", *arguments, "--json", **environ)
    assert ended.status == 0, ended.err
    return [event["sha256"] for event in json.loads(ended.out)["events"]]


def test_poison_is_kept_and_blocks_nothing_and_all_is_seen_while_the_listener_runs(
    environ: dict[str, str],
) -> None:
    port = free_port()
    bodies = [*POISON, EVENT]
    digests = [hashlib.sha256(body).hexdigest() for body in bodies]
    with listener(port, **environ), httpx.Client(trust_env=False) as meta:
        for body in bodies:
            headers = sign(body, APP["FACEBOOK_APP_SECRET"])
            url = f"http://127.0.0.1:{port}/facebook/webhook"
            assert meta.post(url, content=body, headers=headers).status_code == 200
        # Nobody opened the page to us, so the worker sets it aside.
        wait_until(lambda: listed(environ, "--state", "failed") == digests[3:], "the worker")
        assert listed(environ, "--state", "dead") == digests[2::-1]
        exported = run("events", "export", **environ)
        lines = [json.loads(line) for line in exported.out.splitlines()]
        assert [line["sha256"] for line in lines] == digests[::-1]
        status = run("status", "--json", **environ)
        assert (status.status, json.loads(status.out)["dead"]) == (3, 3)
        replayed = run("events", "replay", digests[3][:16], "--json", **environ)
        assert json.loads(replayed.out)["pages"] == ["7"]


@pytest.mark.parametrize("process", ["listen", "worker"])
def test_old_deliveries_are_pruned_beside_each_process_that_goes_on(
    environ: dict[str, str], process: str
) -> None:
    with closing(Database(environ["FBSYNC_DATABASE_URL"])) as database:
        kept = Kept(database)  # received in 2023
        kept.hear(ONE)
        kept.read(ONE)
        kept.hear(TWO)
        kept.park(TWO)
        environ["FBSYNC_KEEP_DELIVERIES"] = "1h"
        begun = listener(free_port(), **environ) if process == "listen" else worker(**environ)
        with begun:
            log = DeliveryLog(database)
            wait_until(lambda: not list(log.find(Wanted())), "the pruning")
