"""`fbsync sync` beside a store that refuses or does not answer, as a process on the sandbox."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.ports import history_key, page_key
from tests import buckets
from tests.buckets import bare_client
from tests.fbsync_process import listener, log_text
from tests.ports import free_port
from tests.servers import S3Server, Sandbox, wait_until
from tests.test_sync_verify import Office, office

__all__ = ["office"]


def spaces(server: S3Server, **changes: str) -> dict[str, str]:
    """The settings of a bucket that is not there."""
    return {
        "SPACES_BUCKET": f"missing-{uuid4().hex}",
        "SPACES_ENDPOINT": server.endpoint,
        "SPACES_ACCESS_KEY": server.access_key,
        "SPACES_SECRET_KEY": server.secret_key,
        "FBSYNC_STORE_DIR": "",
    } | changes


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "create-bucket"),
        ({"SPACES_ACCESS_KEY": "no-such-key"}, "SPACES_ACCESS_KEY"),
        ({"SPACES_SECRET_KEY": "wrong"}, "SPACES_SECRET_KEY"),
    ],
)
def test_what_does_not_pass_by_itself_is_told_at_once_and_undoes_nothing(
    office: Office, seaweedfs: S3Server, changes: dict[str, str], told: str
) -> None:
    ended = office.sync("--json", **spaces(seaweedfs, **changes))
    assert (ended.status, ended.out) == (1, "")
    assert told in ended.err
    assert f"So far the pages are in {office.store.address}." in ended.err
    assert "trying again" not in ended.err
    assert json.loads(office.sync("--json").out)["counts"] == {"unchanged": 3}


def test_a_store_that_cannot_be_used_fails_a_run_over_pages_that_did_not_change(
    office: Office,
) -> None:
    (office.folder.parent).rename(office.folder.parent.with_name("elsewhere"))
    office.folder.parent.touch()  # a file in its place
    ended = office.sync()
    assert ended.status == 1
    assert "Not a directory" in ended.err
    nowhere = S3Server(f"http://127.0.0.1:{free_port()}", "key", "secret")
    ended = office.sync(**spaces(nowhere))
    assert ended.status == 1
    assert "No answer from the bucket" in ended.err


def test_once_the_cause_is_mended_a_sync_that_a_person_asks_for_tries_at_once(
    office: Office, sandbox: Sandbox
) -> None:
    for pages in ([office.page], []):
        sandbox.world.edit(office.page, {"name": f"Newer {pages}"})
        put_off(office)
        ended = office.sync("--json", *pages)
        assert ended.status == 0, ended.err
        assert json.loads(ended.out)["counts"]["stored"] == 1
        assert "trying again" not in ended.err


def test_a_listener_that_polls_goes_on_until_somebody_made_the_bucket(
    office: Office, seaweedfs: S3Server
) -> None:
    settings = spaces(seaweedfs)
    environ = office.environ | settings
    options = ("--sync-every", "1s", "--metrics", "off")
    with listener(free_port(), ("fbsync",), *options, **environ), bare_client(seaweedfs) as client:
        wait_until(lambda: "put off until the store can be used" in log_text(), "the first poll")
        wait_until(lambda: log_text().count("put off") >= 3, "the pages")
        client.create_bucket(Bucket=settings["SPACES_BUCKET"])
        bucket = buckets.spaces(seaweedfs, "facebook", bucket=settings["SPACES_BUCKET"])
        wait_until(lambda: bucket.get(page_key(office.page)) is not None, "a worker's next try")
    ended = office.sync("--verify", **settings)
    assert ended.status == 0, ended.out
    assert bucket.get(history_key(office.page, 1)) == office.store.get(history_key(office.page, 1))


def put_off(office: Office) -> None:
    """A worker's tries of the page failed, and the next one is an hour away."""
    with closing(Database(office.environ["FBSYNC_DATABASE_URL"])) as database:
        inbox = DatabaseInbox(database)
        inbox.mark([office.page], "webhook")
        (claim,) = inbox.claim(1)
        inbox.retry(claim, datetime.now(UTC) + timedelta(hours=1), "NoSuchBucket")
