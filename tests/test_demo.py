"""The demo's story: its steps, its summary, its files, and what it says when a step fails."""

import json
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from fbsync.console import Console
from fbsync.demo import play
from fbsync.settings.store import SpacesSettings
from tests import buckets
from tests.buckets import BUCKET, make_bucket
from tests.ports import free_port
from tests.servers import S3Server

PAGE = "200000000000001"
NAME = "Café Élan & Söhne ☕"
STEPS = [
    *("sandbox", "login", "listen", "subscribe", "sync", "test-webhook"),
    *("rename", "event", "mirror"),
]


@pytest.fixture(autouse=True)
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The demo leaves its files for the person to look at; here they go with the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def spaces(endpoint: str, access_key: str, secret_key: str) -> SpacesSettings:
    return SpacesSettings(
        bucket=BUCKET,
        region="nyc3",
        endpoint=endpoint,
        access_key=access_key,
        secret_key=secret_key,
        prefix=f"facebook-{uuid4().hex}",
        path_style=True,
    )


def test_the_story_comes_to_its_end_and_shows_what_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = play(Console(), None)
    assert [step.name for step in story.checklist.steps] == STEPS
    assert story.checklist.ok
    assert (story.pages, story.events, story.versions) == (3, 2, 4)
    shown = capsys.readouterr().out
    assert "Café Zeitgeist → " + NAME in shown
    assert "page_data.json" in shown
    assert "history/000002.json" in shown
    assert story.store in shown
    assert "your own app: fbsync listen, fbsync login" in shown
    assert json.loads(Path(story.store, PAGE, "page_data.json").read_bytes())["name"] == NAME


def test_with_a_bucket_the_invented_pages_stand_apart_from_real_ones(
    seaweedfs: S3Server,
) -> None:
    make_bucket(seaweedfs)
    settings = spaces(seaweedfs.endpoint, seaweedfs.access_key, seaweedfs.secret_key)
    story = play(Console(), settings)
    assert story.checklist.ok
    assert story.store == f"s3://{BUCKET}/{settings.prefix}-demo"
    store = buckets.spaces(seaweedfs, settings.prefix)
    assert list(store.list("")) == []
    shown = buckets.spaces(seaweedfs, f"{settings.prefix}-demo")
    assert len(list(shown.list(""))) == 7


def test_a_bucket_that_is_down_ends_the_story_with_a_failed_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = play(Console(), spaces(f"http://127.0.0.1:{free_port()}", "key", "hush-hush"))
    assert not story.checklist.ok
    assert story.as_json()["ok"] is False
    shown = capsys.readouterr()
    assert "did not come to its end" in shown.err
    assert "hush-hush" not in shown.out + shown.err


def test_a_rename_that_fails_ends_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    # The only outside call of the demo itself is that of the page's owner.
    def refuse(url: str, **_: object) -> httpx.Response:
        return httpx.Response(500, request=httpx.Request("POST", url))

    monkeypatch.setattr("fbsync.demo.httpx.post", refuse)
    story = play(Console(), None)
    assert [step.name for step in story.checklist.steps if not step.ok] == ["story"]
    assert "did not rename" in story.checklist.steps[-1].detail
