"""`fbsync doctor`: each fault is a finding with what to do, and no secret is ever shown."""

import json
import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import fbsync
from fbsync.commands.doctor import known_settings
from fbsync.database.engine import Database, sqlite_file, sqlite_url
from fbsync.database.token_key import key_file, read_key_file
from fbsync.database.vault import Vault
from fbsync.doctor import look_at_store
from fbsync.ports import LastStored
from fbsync.store.directory import DirectoryStore
from fbsync.store.keys import PROBE_KEY
from tests import servers
from tests.buckets import BUCKET, keys_in, make_bucket, spaces
from tests.fbsync_inside import run
from tests.fbsync_process import Ended, listener, run_process
from tests.kept import ONE, Kept
from tests.ports import free_port
from tests.test_settings import TUTORIAL
from tests.test_vault import ADA, CAFE, SHOP

SECRETS = {"FACEBOOK_APP_SECRET": "fedcba98" * 4, "FACEBOOK_VERIFY_TOKEN": "nobody-knows-this"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """All that is needed, with a database that is there."""
    file = tmp_path / "f.sqlite3"
    Database(sqlite_url(file)).close()
    local = {"FBSYNC_DATABASE_URL": sqlite_url(file), "FBSYNC_STORE_DIR": str(tmp_path / "store")}
    tutorial = {name: TUTORIAL[name] for name in TUTORIAL if not name.startswith("SPACES_")}
    return tutorial | SECRETS | local


def examine(environ: dict[str, str], status: int) -> dict[str, Any]:
    """The JSON of a run that ends like this."""
    ended = run("doctor", "--json", **environ)
    assert ended.status == status, ended
    check_secrets(ended)
    found: dict[str, Any] = json.loads(ended.out)
    assert found["ok"] is (status == 0)
    return found


def check_secrets(ended: Ended) -> None:
    assert not [secret for secret in SECRETS.values() if secret in ended.out + ended.err]


def group(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in found["settings"] if one["name"] == f"settings: {name}"]
    return dict(one)


def test_all_in_order_is_0_with_the_facts_about_each(
    environ: dict[str, str], tmp_path: Path
) -> None:
    found = examine(environ, 0)
    database = found["database"]
    assert (database["state"], database["kind"]) == ("ok", "sqlite")
    assert {"version", "journal_mode", "journal_reason", "synchronous", "schema"} <= set(database)
    assert (database["waiting_events"], database["max_waiting_events"]) == (0, 2_000_000)
    assert 0 < database["used_bytes"] < database["max_database_bytes"] == 10**10
    assert database["refuses"] is None
    assert (found["tokens"]["state"], found["tokens"]["detail"]) == ("ok", "none are stored yet")
    assert found["store"]["state"] == "ok"
    assert found["store"]["is_empty"] is True
    assert not (tmp_path / "store").exists()


def test_settings_tell_where_they_come_from(environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "settings"
    secret = environ.pop("FACEBOOK_APP_SECRET")
    file.write_text(f"FACEBOOK_APP_SECRET={secret}\nFACEBOOK_APP_ID=999\n")
    ended = run_process("doctor", "--json", "--env-file", str(file), **environ)
    check_secrets(ended)
    sources = group(json.loads(ended.out), "app")["sources"]
    assert sources == {"FACEBOOK_APP_ID": "environment", "FACEBOOK_APP_SECRET": str(file)}
    assert group(json.loads(ended.out), "graph")["sources"]["FACEBOOK_GRAPH_URL"] == "default"


def test_faults_of_settings_are_told_beside_what_works(environ: dict[str, str]) -> None:
    del environ["FACEBOOK_VERIFY_TOKEN"]
    found = examine(environ | {"FBSYNC_MAX_DATABASE": "much"}, 2)
    assert "FACEBOOK_VERIFY_TOKEN is missing" in group(found, "webhooks")["faults"][0]
    assert group(found, "webhooks")["sources"]["FACEBOOK_VERIFY_TOKEN"] == "missing"
    assert "FBSYNC_MAX_DATABASE is malformed" in group(found, "limits")["faults"][0]
    assert group(found, "app")["state"] == "ok"
    assert (found["database"]["state"], found["store"]["state"]) == ("ok", "ok")


def test_a_variable_that_looks_like_a_setting_and_is_none_is_a_warning(
    environ: dict[str, str],
) -> None:
    found = examine(environ | {"FBSYNC_STORE_DIRS": "/srv", "SPACES_REGION": "ams3"}, 0)
    unknown = group(found, "unknown")
    assert (unknown["state"], unknown["unknown"]) == ("warning", ["FBSYNC_STORE_DIRS"])
    assert "did you mean FBSYNC_STORE_DIR?" in unknown["detail"]


def test_every_setting_is_known() -> None:
    files = (Path(fbsync.__file__).parent / "settings").glob("*.py")
    named = re.findall(
        r"\b(?:FACEBOOK|SPACES|FBSYNC)_[A-Z_]+[A-Z]\b", "".join(map(Path.read_text, files))
    )
    assert known_settings() == set(named)


def test_without_any_setting_everything_is_told_and_nothing_made() -> None:
    found = examine({}, 2)
    assert (found["database"]["state"], found["store"]["state"]) == ("skipped", "skipped")
    assert list(Path(os.environ["HOME"]).rglob("*.sqlite3")) == []


def test_a_database_that_is_not_there_yet_is_no_fault_and_is_not_made(
    environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "later.sqlite3"
    found = examine(environ | {"FBSYNC_DATABASE_URL": sqlite_url(file)}, 0)
    assert found["database"]["state"] == "skipped"
    assert not file.exists()


def test_a_broken_database_is_1_with_what_to_do(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "f.sqlite3").write_bytes(b"not a database at all" * 100)
    found = examine(environ, 1)
    assert "not a database" in found["database"]["detail"]
    assert found["store"]["state"] == "ok"


def test_a_lock_of_another_program_is_1_and_said(environ: dict[str, str], tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "f.sqlite3", isolation_level=None)) as other:
        other.execute("begin exclusive")
        assert "locked" in examine(environ, 1)["database"]["detail"]


def test_a_limit_that_is_reached_is_1(environ: dict[str, str]) -> None:
    url = environ["FBSYNC_DATABASE_URL"]
    with closing(Database(url)) as database, database.write() as connection:
        connection.exec_driver_sql(
            "insert into deliveries (digest, body, page_ids, received_at, copies)"
            " values ('d', zeroblob(2000000), '[]', 1.0, 1)"
        )
    found = examine(environ | {"FBSYNC_MAX_DATABASE": "1MB"}, 1)
    assert "FBSYNC_MAX_DATABASE" in found["database"]["refuses"]


@pytest.fixture
def logged_in(environ: dict[str, str]) -> dict[str, str]:
    """Ada's tokens are under the key file beside the database."""
    file = sqlite_file(environ["FBSYNC_DATABASE_URL"])
    assert file is not None
    with closing(Database(environ["FBSYNC_DATABASE_URL"])) as database:
        Vault(database, read_key_file(key_file(file))).save(ADA, [SHOP, CAFE])
    return environ


def test_tokens_that_can_be_decrypted_are_in_order(logged_in: dict[str, str]) -> None:
    tokens = examine(logged_in, 0)["tokens"]
    assert (tokens["state"], tokens["people"], tokens["pages"]) == ("ok", 1, 2)


def test_tokens_under_another_key_are_1_with_how_many_and_what_to_do(
    logged_in: dict[str, str],
) -> None:
    ended = run("doctor", **logged_in | {"FBSYNC_TOKEN_KEY": "A" * 43 + "="})
    assert ended.status == 1
    told = " ".join(ended.out.split())
    assert "failed tokens The tokens of 1 of 1 person (Ada) and 2 of 2 pages" in told
    assert "Set FBSYNC_TOKEN_KEY to that key" in told


def test_a_key_file_that_is_gone_is_1_and_none_is_made(
    logged_in: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "token.key").unlink()
    tokens = examine(logged_in, 1)["tokens"]
    assert tokens["unreadable_people"] == ["Ada"]
    assert "Bring token.key back" in tokens["detail"]
    assert not (tmp_path / "token.key").exists()


def test_a_key_file_without_a_key_is_1(logged_in: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token.key").write_text("no key")
    assert "holds no Fernet key" in examine(logged_in, 1)["tokens"]["detail"]


def test_without_a_database_tokens_are_not_looked_at(
    environ: dict[str, str], tmp_path: Path
) -> None:
    found = examine(environ | {"FBSYNC_DATABASE_URL": sqlite_url(tmp_path / "later.sqlite3")}, 0)
    assert found["tokens"]["state"] == "skipped"


def test_a_store_that_refuses_is_1(environ: dict[str, str], tmp_path: Path) -> None:
    spaces = {
        "SPACES_BUCKET": "your-bucket",
        "SPACES_ACCESS_KEY": "your_spaces_access_key",
        "SPACES_SECRET_KEY": "your_spaces_secret_key",
        "SPACES_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }
    del environ["FBSYNC_STORE_DIR"]
    found = examine(environ | spaces, 1)
    assert "No answer from the bucket" in found["store"]["detail"]
    assert spaces["SPACES_SECRET_KEY"] not in json.dumps(found)


def test_a_file_in_the_place_of_the_store_is_1(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    assert "could not be written" in examine(environ, 1)["store"]["detail"]


def test_an_empty_store_is_1_where_versions_were_stored(environ: dict[str, str]) -> None:
    with closing(Database(environ["FBSYNC_DATABASE_URL"])) as database:
        kept = Kept(database)
        kept.hear(ONE)
        kept.inbox.finish(kept.claim(ONE), LastStored(2, "digest", {}))
    found = examine(environ, 1)
    assert "is empty, but the database records 2 stored versions" in found["store"]["detail"]


def bucket(server: servers.S3Server) -> dict[str, str]:
    """The settings of an empty prefix."""
    make_bucket(server)
    return {
        "SPACES_BUCKET": BUCKET,
        "SPACES_PREFIX": f"facebook-{uuid4().hex}",
        "SPACES_ENDPOINT": server.endpoint,
        "SPACES_ACCESS_KEY": server.access_key,
        "SPACES_SECRET_KEY": server.secret_key,
        "FBSYNC_STORE_DIR": "",
    }


def test_a_bucket_is_tried_with_one_object_that_hides_nothing(
    environ: dict[str, str], seaweedfs: servers.S3Server
) -> None:
    environ |= bucket(seaweedfs)
    for _ in range(2):
        store = examine(environ, 0)["store"]
        assert (store["state"], store["is_empty"], store["creates_once"]) == ("ok", True, True)
    assert keys_in(spaces(seaweedfs, environ["SPACES_PREFIX"])) == [PROBE_KEY]


def test_a_missing_bucket_is_1_with_what_to_do(
    environ: dict[str, str], seaweedfs: servers.S3Server
) -> None:
    found = examine(environ | bucket(seaweedfs) | {"SPACES_BUCKET": "no-such-bucket"}, 1)
    assert "aws s3api create-bucket" in found["store"]["detail"]


class Overwriting(DirectoryStore):
    """A store that does not know how to create without replacing."""

    def create(self, key: str, body: bytes) -> bool:
        self.put(key, body)
        return True


@pytest.mark.parametrize("runs", [1, 2])
def test_a_server_that_replaces_what_it_must_not_is_a_warning(tmp_path: Path, runs: int) -> None:
    for _ in range(runs):
        found = look_at_store(lambda: Overwriting(tmp_path, ""), 0, None, probes=True)
    assert (found.state, found.facts["creates_once"]) == ("warning", False)
    assert "If-None-Match" in found.detail
    better = look_at_store(lambda: DirectoryStore(tmp_path, ""), 0, None, probes=True)
    assert (better.state, better.facts["creates_once"]) == ("ok", True)


def test_the_password_of_a_server_is_not_shown(environ: dict[str, str]) -> None:
    port = free_port()
    url = f"postgresql://fbsync:hunter2@127.0.0.1:{port}/fbsync"
    ended = run("doctor", **environ | {"FBSYNC_DATABASE_URL": url})
    assert ended.status == 2  # PostgreSQL needs a token key
    assert "FBSYNC_TOKEN_KEY is missing" in ended.out
    assert "does not answer" in ended.out
    assert "hunter2" not in ended.out + ended.err


def test_postgresql_is_looked_at_too(
    environ: dict[str, str], postgresql: servers.PostgresServer
) -> None:
    url = postgresql.new_database()
    found = examine(environ | {"FBSYNC_DATABASE_URL": url, "FBSYNC_TOKEN_KEY": "A" * 43 + "="}, 1)
    # The tests' own server runs without fsync: a fault, and the only one.
    assert "fsync is off" in found["database"]["detail"]
    assert found["database"]["free_bytes"] is None


def test_beside_a_running_listener_it_finds_the_same(environ: dict[str, str]) -> None:
    with listener(free_port(), **environ) as process:
        assert examine(environ, 0)["database"]["state"] == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_people_read_one_line_or_more_for_each(environ: dict[str, str]) -> None:
    ended = run("doctor", **environ)
    assert ended.status == 0, ended
    check_secrets(ended)
    lines = ended.out.splitlines()
    assert [line for line in lines if "done" in line and "settings: app" in line]
    assert [line for line in lines if "done" in line and "database" in line]
    assert "a commit was durable" in ended.out
