"""`fbsync status`: with a database, and nothing else."""

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.last_sync import LastSync
from fbsync.database.store_address import StoreAddress
from fbsync.database.vault import Vault
from fbsync.page import PageAccess, UserToken
from fbsync.store.s3_client import ATTEMPTS, GLANCE
from tests.fbsync_inside import run
from tests.fbsync_process import run_process
from tests.kept import ONE, Kept
from tests.refusing_server import Answer, refusing_server
from tests.servers import Sandbox
from tests.test_cli import settings


def test_in_order_it_ends_with_0_and_otherwise_with_3(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        ada = UserToken("7", "Ada", "EAA", datetime.now(UTC) + timedelta(days=60))
        access = PageAccess(ONE, "One", "EAA1")
        Vault(database, [Fernet.generate_key().decode()]).save(ada, [access])
        StoreAddress(database).move_to("/srv/store")
        LastSync(database).note(datetime.now(UTC), "/srv/store")
        ended = run_process("status", FBSYNC_DATABASE_URL=database_url)
        assert (ended.status, ended.err) == (0, "")
        assert "all in order" in ended.out
        kept = Kept(database)
        kept.hear(ONE)
        kept.park(ONE, "The token is refused.")
        ended = run("status", "--json", FBSYNC_DATABASE_URL=database_url)
    assert ended.status == 3
    found = json.loads(ended.out)
    assert found["attention"] == ["page 1: The token is refused."]
    assert (found["store"], found["logins"][0]["name"]) == ("/srv/store", "Ada")


def test_a_store_that_is_another_one_or_does_not_answer_needs_attention(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.world.auto_consent = True
    environ = settings(sandbox) | {"FBSYNC_STORE_DIR": str(tmp_path / "store")}
    assert run("login", "--only", **environ).status == 0
    assert run("sync", **environ).status == 0
    assert run("status", **environ).status == 0

    other = environ | {"FBSYNC_STORE_DIR": str(tmp_path / "other")}
    ended = run("status", **other)
    assert ended.status == 3
    assert f"but the pages were stored in {tmp_path}/store/facebook last" in ended.out
    assert not (tmp_path / "other").exists()

    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").touch()
    ended = run("status", "--json", **environ)
    assert ended.status == 3
    found = json.loads(ended.out)
    assert "Not a directory" in found["store_fault"]
    assert found["attention"] == [" ".join(found["store_fault"].split())]


def test_a_bucket_that_is_busy_is_asked_once_more_and_not_as_often_as_by_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    database_url = sqlite_url(tmp_path / "f.sqlite3")
    Database(database_url).close()
    with refusing_server({"GET": Answer(503, "SlowDown")}) as server:
        ended = run(
            "status",
            FBSYNC_DATABASE_URL=database_url,
            SPACES_BUCKET="my-bucket",
            SPACES_ACCESS_KEY="key",
            SPACES_SECRET_KEY="secret",
            SPACES_ENDPOINT=server.endpoint,
        )
    assert (ended.status, "SlowDown" in ended.out) == (3, True)
    assert len(server.requests) == GLANCE[-1] < ATTEMPTS


def test_before_anything_the_login_is_what_is_missing(database_url: str) -> None:
    Database(database_url).close()
    ended = run("status", FBSYNC_DATABASE_URL=database_url)
    assert ended.status == 3
    assert "attention nobody is logged in; run fbsync login" in ended.out


def test_without_a_database_the_apps_id_is_asked_for_and_nothing_else() -> None:
    ended = run("status")
    assert ended.status == 2
    assert "FACEBOOK_APP_ID is missing" in ended.err
    assert "SECRET" not in ended.err


def test_a_full_sync_that_ends_well_is_remembered(sandbox: Sandbox) -> None:
    sandbox.world.auto_consent = True
    environ = settings(sandbox)

    def last_sync() -> object:
        return json.loads(run("status", "--json", **environ).out)["last_sync"]

    assert run("login", "--only", **environ).status == 0
    page = sandbox.world.page_ids[0]
    for arguments in (("sync", "--dry-run"), ("sync", page)):
        assert run(*arguments, **environ).status == 0
        assert last_sync() is None
    assert run("sync", **environ).status == 0
    assert last_sync() is not None
    assert run("status", **environ).status == 0
