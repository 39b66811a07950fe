"""How many Graph API calls fbsync makes, counted by the sandbox."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fbsync import webhook
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.store_address import StoreAddress
from fbsync.graph.oauth import OAuth
from fbsync.page import PageId
from fbsync.sandbox.world import World
from fbsync.settings.database import DatabaseSettings
from fbsync.settings.facebook import AppSettings, GraphSettings
from fbsync.wiring import open_access
from tests import servers
from tests.fbsync_inside import run
from tests.fbsync_process import Ended, listener
from tests.opened_access import unexpected
from tests.ports import free_port
from tests.servers import Sandbox, wait_until

PAGE_FIELDS = ("id", "name", "about", "category", "description", "phone", "website")


def settings(sandbox: Sandbox, folder: Path, port: int = 0) -> dict[str, str]:
    port = port or free_port()
    return {
        "FACEBOOK_APP_ID": sandbox.world.app_id,
        "FACEBOOK_APP_SECRET": sandbox.world.app_secret,
        "FACEBOOK_PAGE_FIELDS": ",".join(PAGE_FIELDS),
        "FACEBOOK_REDIRECT_URI": f"http://localhost:{port}/facebook/callback",
        "FACEBOOK_WEBHOOK_ADDRESS": f"http://127.0.0.1:{port}/facebook/webhook",
        "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
        "FACEBOOK_GRAPH_URL": sandbox.url,
        "FBSYNC_DATABASE_URL": sqlite_url(folder / "fbsync.sqlite3"),
        "FBSYNC_STORE_DIR": str(folder / "store"),
    }


@pytest.fixture
def crowd(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox with as many pages as the test says."""
    with servers.sandbox(World(page_count=request.param, auto_consent=True)) as running:
        yield running


def requests(sandbox: Sandbox) -> list[dict[str, Any]]:
    return list(sandbox.world.calls)


def batches(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The requests that read pages by their ids."""
    return [
        call
        for call in requests(sandbox)
        if any(item["path"].isdigit() for item in call.get("batch", ()))
    ]


def believe_that_all_is_stored(sandbox: Sandbox, environ: dict[str, str], store: str) -> None:
    """As after a sync: every page counts as stored there, as it is now."""
    app = AppSettings(sandbox.world.app_id, sandbox.world.app_secret)
    graph = GraphSettings(sandbox.url, "v26.0", PAGE_FIELDS)
    database = DatabaseSettings(environ["FBSYNC_DATABASE_URL"], ())
    with open_access(app, graph, database, warn=pytest.fail, makes_database=True) as access:
        session = OAuth(access.connection).log_in(sandbox.code(), servers.REDIRECT)
        access.vault.save(session.user, [])
        parts = access.lists.poll(keep_tokens=True, refused=unexpected)
        stored = [snapshot for part in parts for snapshot in part]
    opened = Database(environ["FBSYNC_DATABASE_URL"])
    rows = [
        {
            "page_id": snapshot.page_id,
            "marks": 1,
            "done": 1,
            "noticed_by": "sync",
            "stored_number": 1,
            "stored_digest": snapshot.digest,
            "stored_fields": json.dumps(snapshot.fields),
        }
        for snapshot in stored
    ]
    from fbsync.database.schema import pages

    with opened.write() as connection:
        connection.execute(pages.insert(), rows)
    StoreAddress(opened).move_to(store)
    opened.close()


@pytest.mark.parametrize("crowd", [10_000], indirect=True)
def test_ten_thousand_unchanged_pages_cost_a_hundred_calls_and_no_request_to_the_store(
    crowd: Sandbox, tmp_path: Path
) -> None:
    environ = settings(crowd, tmp_path)
    port = free_port()
    believe_that_all_is_stored(crowd, environ, f"s3://bucket/facebook at 127.0.0.1:{port}")
    del environ["FBSYNC_STORE_DIR"]
    # Nobody answers there: a single request to the store would fail the run.
    environ |= {
        "SPACES_BUCKET": "bucket",
        "SPACES_ENDPOINT": f"http://127.0.0.1:{port}",
        "SPACES_ACCESS_KEY": "key",
        "SPACES_SECRET_KEY": "secret",
    }
    crowd.world.calls.clear()
    ended = run("sync", "--json", **environ)
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["counts"] == {"unchanged": 10_000}
    assert len(requests(crowd)) == 100
    assert sum(len(call["batch"]) for call in requests(crowd)) == 100


@pytest.mark.parametrize("crowd", [1000], indirect=True)
def test_one_page_among_a_thousand_costs_the_lists_up_to_it_alone(
    crowd: Sandbox, tmp_path: Path
) -> None:
    environ = settings(crowd, tmp_path)
    believe_that_all_is_stored(crowd, environ, f"{environ['FBSYNC_STORE_DIR']}/facebook")
    page = crowd.world.page_ids[250]
    crowd.world.edit(page, {"name": "Another name"})
    crowd.world.calls.clear()
    ended = run("sync", page, "--json", **environ)
    assert json.loads(ended.out)["counts"] == {"stored": 1}, ended.err
    lists = [call for call in requests(crowd) if call not in batches(crowd)]
    assert (len(lists), len(batches(crowd))) == (3, 1)


async def send_burst(url: str, bodies: list[bytes], secret: str) -> None:
    """Sixteen connections, as fast as they are answered."""
    waiting = iter(bodies)
    limits = httpx.Limits(max_connections=16)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60) as client:

        async def send() -> None:
            for body in waiting:
                answer = await client.post(url, content=body, headers=webhook.sign(body, secret))
                assert answer.status_code == 200

        await asyncio.gather(*(send() for _ in range(16)))


def bodies_of(pages: list[str]) -> list[bytes]:
    """A thousand events, ten in each body, as Meta joins them."""
    entries = [
        {
            "id": pages[number % len(pages)],
            "time": 1_764_000_000 + number,
            "changes": [{"field": "name", "value": f"{number}"}],
        }
        for number in range(1000)
    ]
    return [
        json.dumps({"object": "page", "entry": entries[start : start + 10]}).encode()
        for start in range(0, 1000, 10)
    ]


@pytest.mark.parametrize("crowd", [50], indirect=True)
def test_a_burst_of_a_thousand_events_for_fifty_pages_costs_four_requests_at_most(
    crowd: Sandbox, tmp_path: Path
) -> None:
    port = free_port()
    environ = settings(crowd, tmp_path, port)
    assert run("login", "--only", **environ).status == 0
    assert run("sync", **environ).status == 0
    pages = crowd.world.page_ids
    for page in pages:
        crowd.world.edit(page, {"name": f"Renamed {page}"})
    bodies = bodies_of(pages)
    database = Database(environ["FBSYNC_DATABASE_URL"])
    with listener(port, **environ):
        crowd.world.calls.clear()
        asyncio.run(send_burst(environ["FACEBOOK_WEBHOOK_ADDRESS"], bodies, crowd.world.app_secret))
        inbox = DatabaseInbox(database)
        wait_until(lambda: inbox.status().waiting == 0, "the end of the reads")
        assert inbox.status().deliveries == len(bodies) == 100
    states = inbox.pages()
    database.close()
    assert {states[PageId(page)].last.number for page in pages} == {2}  # type: ignore[union-attr]  # each was stored
    second_versions = list((tmp_path / "store").rglob("history/000002.json"))
    assert len(second_versions) == 50
    assert not list((tmp_path / "store").rglob("history/000003.json"))
    assert 1 <= len(batches(crowd)) <= 4


def sync_five_hundred(folder: Path, seed: int | None = None) -> tuple[Sandbox, Ended]:
    """A first sync of 500 pages, with or without faults; the sandbox as it was then."""
    with servers.sandbox(World(page_count=500, auto_consent=True)) as sandbox:
        environ = settings(sandbox, folder) | {"FACEBOOK_PAGE_FIELDS": ""}
        assert run("login", "--only", **environ).status == 0
        if seed is not None:
            answer = sandbox.client.post("/_sandbox/faults/seed", json={"seed": seed})
            assert answer.is_success, answer.text
        sandbox.world.calls.clear()
        return sandbox, run("sync", "--json", **environ)


def call_count(sandbox: Sandbox) -> int:
    """As Meta counts: each item of a batch is a call ("Rate limits")."""
    return sum(len(call.get("batch", ())) or 1 for call in requests(sandbox))


def is_expired(sandbox: Sandbox, page: str) -> bool:
    seeded = sandbox.world.seeded
    assert seeded is not None
    return seeded.is_expired(sandbox.world.page_ids.index(page))


def retired_field(sandbox: Sandbox) -> str:
    seeded = sandbox.world.seeded
    assert seeded is not None
    return seeded.retired_field() or "none"


@pytest.mark.parametrize("seed", [7])
def test_with_faults_from_a_seed_every_readable_page_is_mirrored_once(
    tmp_path: Path, seed: int
) -> None:
    calm, ended = sync_five_hundred(tmp_path / "calm")
    assert ended.status == 0, ended.err
    rough, ended = sync_five_hundred(tmp_path / "rough", seed)
    report = json.loads(ended.out)
    expired = [page for page in rough.world.page_ids if is_expired(rough, page)]
    assert len(expired) == 5
    assert ended.status == 3
    assert report["counts"] == {"stored": 495, "parked": 5}
    parked = [page for page in report["pages"] if page["outcome"] == "parked"]
    # In the order in which two threads came to them.
    assert sorted(page["page_id"] for page in parked) == sorted(expired)
    assert all("The token has expired. Run: fbsync login" in page["reason"] for page in parked)
    assert f"refuses the page field {retired_field(rough)}," in ended.err
    assert report["refused_fields"] == [retired_field(rough)]
    store = tmp_path / "rough" / "store"
    readable = sorted(set(rough.world.page_ids) - set(expired))
    assert sorted(file.parent.name for file in store.rglob("page_data.json")) == readable
    versions = [file.relative_to(store / "facebook") for file in store.rglob("history/*.json")]
    assert sorted(map(str, versions)) == [f"{page}/history/000001.json" for page in readable]
    assert call_count(rough) <= 1.2 * call_count(calm)
