"""A put whose first try got no answer and arrives after the next page: over a real socket."""

import json
from pathlib import Path

import pytest

from fbsync.hallway.refresh import Refresher
from fbsync.ports import LONGEST_PUT_SECONDS, page_key
from tests.hallway import ONE, World
from tests.small_bucket import Bucket, served


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's second try comes without a pause."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@pytest.mark.parametrize("ends", [["lost"], [503, "lost"]], ids=["by the quick way", "by boto3"])
def test_an_old_page_that_arrives_late_is_replaced_by_the_second_look(
    tmp_path: Path, ends: list[str | int]
) -> None:
    world, bucket = World(tmp_path), Bucket()
    with served(bucket) as store:

        def refresh() -> list[str]:
            refresher = Refresher(world.inbox, store, world.facebook.read_pages)
            return [outcome.kind for outcome in refresher.refresh()]

        bucket.ends = list(ends)
        world.see(ONE, name="Old")
        assert refresh() == ["stored"]
        world.see(ONE, name="New")
        assert refresh() == ["stored"]
        bucket.arrive()
        assert json.loads(store.get(page_key(ONE)) or b"")["name"] == "Old"
        assert refresh() == []
        world.clock.seconds += LONGEST_PUT_SECONDS + 1
        assert refresh() == ["unchanged"]
        assert json.loads(store.get(page_key(ONE)) or b"")["name"] == "New"


@pytest.mark.parametrize(
    ("ends", "is_unanswered"),
    [
        ([], False),
        ([503], False),
        ([500, 503], False),
        ([504], True),
        (["lost"], True),
        (["lost", 503], True),
        ([503, "lost"], True),
    ],
    ids=str,
)
def test_only_a_try_without_the_stores_answer_counts(
    ends: list[str | int], is_unanswered: bool
) -> None:
    bucket = Bucket()
    with served(bucket) as store:
        bucket.ends = list(ends)
        assert store.put("1/page_data.json", b"{}") is is_unanswered
        assert bucket.ends == []
        assert store.put("1/page_data.json", b"{}") is False
