"""`fbsync worker` and `fbsync listen --no-worker` as processes, on both databases."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.object_store import DirectoryStore
from fbsync.sandbox.world import Switches, World
from tests import servers
from tests.fbsync_process import listener, log_text, run, worker
from tests.servers import free_port, wait_until
from tests.test_journey import APP, Shop, delivered, settings


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
        with listener(port, **environ):
            assert run("login", **environ).status == 0
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
