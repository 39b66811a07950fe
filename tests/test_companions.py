"""What runs beside the listener, made of working parts on the sandbox."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from fbsync.companions import mirroring, subscription_watch
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import Outcome
from fbsync.page import PageAccess, UserToken
from fbsync.ports import page_key
from fbsync.shutdown import Shutdown
from fbsync.store.directory import DirectoryStore
from fbsync.wiring import Access
from tests.hallway import DEADLINE
from tests.opened_access import DEFAULT, ONE, opened, sandbox_app
from tests.servers import Sandbox

ADDRESS = "https://shop.example/facebook/webhook"


@pytest.fixture
def access(sandbox: Sandbox) -> Iterator[Access]:
    """Ann opened one page."""
    with opened(*sandbox_app(sandbox), DEFAULT) as access:
        user = sandbox.log_in()
        page = PageAccess(ONE, "", sandbox.page_token(user, ONE))
        access.vault.save(UserToken("1", "Ann", user), [page])
        yield access


def test_mirroring_brings_a_marked_page_into_the_store(access: Access, tmp_path: Path) -> None:
    outcomes: queue.SimpleQueue[Outcome | FbsyncError] = queue.SimpleQueue()
    store = DirectoryStore(tmp_path, "facebook")
    access.inbox.mark([ONE], "webhook")
    with mirroring(access, store, outcomes.put, Shutdown()):
        outcome = outcomes.get(timeout=DEADLINE)
    assert isinstance(outcome, Outcome)
    assert outcome.kind == "stored"
    assert store.get(page_key(ONE))


def test_the_watch_tells_that_no_event_will_come(access: Access) -> None:
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    with subscription_watch(access, ["name"], ADDRESS, said.put):
        assert "no webhook subscription" in said.get(timeout=DEADLINE)


def test_the_watch_looks_at_nothing_before_a_login(sandbox: Sandbox) -> None:
    said: list[str] = []
    with (
        opened(*sandbox_app(sandbox), DEFAULT) as access,
        subscription_watch(access, ["name"], ADDRESS, said.append),
    ):
        pass
    assert said == []
    assert not sandbox.world.calls
