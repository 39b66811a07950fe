"""`fbsync sync` beside a store that refuses or does not answer, as a process on the sandbox."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from tests.servers import S3Server, Sandbox, free_port
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


def test_a_store_that_does_not_answer_fails_a_run_over_pages_that_did_not_change(
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


def put_off(office: Office) -> None:
    """A worker's tries of the page failed, and the next one is an hour away."""
    with closing(Database(office.environ["FBSYNC_DATABASE_URL"])) as database:
        inbox = DatabaseInbox(database)
        inbox.mark([office.page], "webhook")
        (claim,) = inbox.claim(1)
        inbox.retry(claim, datetime.now(UTC) + timedelta(hours=1), "NoSuchBucket")
