"""`fbsync worker` and `fbsync listen --no-worker` as processes, on both databases."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.ports import page_key
from fbsync.sandbox.world import Switches, World
from fbsync.store.directory import DirectoryStore
from tests import servers
from tests.crash import STOPS
from tests.fbsync_inside import log_in_and_subscribe, run
from tests.fbsync_process import listener, log_text, worker
from tests.ports import free_port
from tests.servers import READY_SECONDS, wait_until
from tests.test_journey import APP, PAGE, Shop, delivered, settings, settled

LONGEST_END_SECONDS = 10.0  # as promised in the README


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    """A shop that is logged in and subscribed; its database is of each kind."""
    world = World(
        page_count=3,
        app_id=APP["FACEBOOK_APP_ID"],
        app_secret=APP["FACEBOOK_APP_SECRET"],
        auto_consent=True,
        switches=Switches(retry_first_seconds=0.2),
    )
    local = {
        "FBSYNC_DATABASE_URL": database_url,
        "FBSYNC_TOKEN_KEY": Fernet.generate_key().decode(),
        "FBSYNC_STORE_DIR": str(tmp_path / "store"),
    }
    port = free_port()
    with servers.sandbox(world) as sandbox:
        environ = settings(sandbox, port) | local
        made = Shop(sandbox, port, environ, DirectoryStore(tmp_path / "store", "facebook"))
        log_in_and_subscribe(port, **environ)
        assert run("sync", **environ).status == 0
        yield made


def test_a_listener_without_a_worker_records_and_a_worker_mirrors(shop: Shop) -> None:
    with listener(shop.port, ("fbsync",), "--no-worker", **shop.settings) as listening:
        shop.rename("Recorded")
        wait_until(lambda: delivered(shop), "the 200")
        assert shop.mirrored_name() == "Bäckerei Süßmann"
        with worker(**shop.settings) as working:
            wait_until(lambda: shop.mirrored_name() == "Recorded", "the mirror")
            working.send_signal(signal.SIGTERM)
            assert working.wait(30) == 0
        listening.send_signal(signal.SIGTERM)
        assert listening.wait(30) == 0
    assert log_text().count("Stopped.") == 2


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(READY_SECONDS)
        yield listening


def hanging(shop: Shop, silent: socket.socket, what: str) -> dict[str, str]:
    """The shop's settings, with a server that never answers in the place of one that it calls."""
    address = f"http://127.0.0.1:{silent.getsockname()[1]}"
    if what == "the Graph API":
        return shop.settings | {"FACEBOOK_GRAPH_URL": address}
    others = {name: text for name, text in shop.settings.items() if name != "FBSYNC_STORE_DIR"}
    keys = {"SPACES_ACCESS_KEY": "key", "SPACES_SECRET_KEY": "secret"}
    return others | keys | {"SPACES_BUCKET": "pages", "SPACES_ENDPOINT": address}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("command", "what"), [("listen", "the Graph API"), ("worker", "the store")]
)
def test_a_signal_ends_the_process_in_time_whatever_hangs(
    shop: Shop, silent: socket.socket, command: str, what: str
) -> None:
    with listener(shop.port, ("fbsync",), "--no-worker", **shop.settings):
        shop.rename("Hangs")
        wait_until(lambda: delivered(shop), "the 200")
    environ = hanging(shop, silent, what)
    started = worker(**environ) if command == "worker" else listener(shop.port, **environ)
    with started as process, closing(Database(environ["FBSYNC_DATABASE_URL"])) as database:
        inbox = DatabaseInbox(database)
        wait_until(lambda: inbox.status().leased > 0, "the claim")
        with silent.accept()[0]:
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONGEST_END_SECONDS) == 0, log_text()
        # The store hangs at the look before a write, so nothing can come late: free at once.
        assert inbox.status().leased == 0
        assert inbox.status().waiting == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("door", STOPS)
def test_a_worker_that_sleeps_through_its_lease_spoils_nothing(shop: Shop, door: str) -> None:
    with (
        listener(shop.port, ("fbsync",), "--no-worker", **shop.settings),
        worker(("tests.crash", door), **shop.settings) as sleeper,
    ):
        shop.rename("Stale")
        stopped, status = os.waitpid(sleeper.pid, os.WUNTRACED)
        assert (stopped, os.WIFSTOPPED(status)) == (sleeper.pid, True)
        shop.rename("Now")
        wait_until(lambda: delivered(shop), "the 200")
        with worker(**shop.settings):
            wait_until(lambda: shop.mirrored_name() == "Now", "the takeover")
            told = log_text().count("taken over")
            sleeper.send_signal(signal.SIGCONT)
            wait_until(lambda: log_text().count("taken over") > told, "the end of the sleep")
            wait_until(lambda: settled(shop), "the last look")
    assert shop.mirrored_name() == "Now"
    newest = shop.history()[-1]
    assert newest["snapshot"] == json.loads(shop.store.get(page_key(PAGE)) or b"")
