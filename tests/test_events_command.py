"""`fbsync events`: with a database, and nothing else."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.schema import deliveries
from tests.fbsync_inside import run
from tests.fbsync_process import Ended, environ_of
from tests.kept import ONE, TWO, Kept

TELLING_ITS_MEMORY = """
import atexit, re, sys
from pathlib import Path
from fbsync.cli import main
peak = lambda: re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
atexit.register(lambda: print(peak(), file=sys.stderr))
main()
"""
"""`fbsync` that ends with the most memory that it had, in KiB, on stderr."""


@pytest.fixture
def kept(database_url: str) -> Iterator[Kept]:
    """A database of each kind, which stays open as a listener's does."""
    with closing(Database(database_url)) as database:
        yield Kept(database)


def events(kept: Kept, *arguments: str) -> Ended:
    url = kept.database._engine.url.render_as_string(hide_password=False)
    return run("events", *arguments, FBSYNC_DATABASE_URL=url)


def test_the_list_shows_each_event_and_no_body(kept: Kept) -> None:
    handled = kept.hear(ONE, text="private words")
    kept.read(ONE)
    dead = kept.hear()
    ended = events(kept)
    assert ended.status == 0, ended.err
    first, second = ended.out.splitlines()[1:]
    assert first.startswith(dead.id)
    assert second.split() == [handled.id, "2023-11-14", "22:13:20", "handled", "1", "1"]
    assert "private words" not in ended.out


def test_the_list_is_filtered_and_cut(kept: Kept) -> None:
    waiting = [kept.hear(ONE, text=str(number)).id for number in range(3)]
    kept.hear()
    ended = events(kept, "--state", "waiting", "--page", "1", "--limit", "2", "--json")
    found = json.loads(ended.out)
    assert [one["id"] for one in found["events"]] == waiting[:0:-1]
    assert found["more"] is True
    for none in (("--since", "1h"), ("--until", "2023-01-01")):
        assert json.loads(events(kept, "list", *none, "--json").out)["events"] == []


def test_show_tells_all_of_one_event(kept: Kept) -> None:
    heard = kept.hear(ONE, TWO, text="Caf\u00e9 \x1b[31m")
    kept.read(ONE)
    kept.park(TWO, "No token.\nRun: fbsync login")
    ended = events(kept, "show", heard.id[:6])
    assert ended.status == 0, ended.err
    for told in (heard.digest, "failed", "1: read since", "2: parked: No token. Run: fbsync login"):
        assert told in ended.out
    assert "changed   1: name" in ended.out
    assert "Café" in ended.out
    assert "\x1b" not in ended.out
    shown = json.loads(events(kept, "show", heard.id, "--json").out)
    assert base64.b64decode(shown["body"]) == heard.body
    assert [stand["read"] for stand in shown["stands"]] == [True, False]
    assert shown["stands"][0]["changed"] == ["name"]


def test_replay_has_failed_ones_and_dead_ones_read_again(kept: Kept) -> None:
    failed = kept.hear(ONE, text="failed")
    kept.park(ONE)
    revived = kept.hear_unread(b'{"object": "page", "entry": [{"id": "2"}]}')
    ended = events(kept, "replay", "--failed")
    assert ended.status == 0, ended.err
    assert "2 events  replayed; the next worker reads 2 pages again" in ended.out
    assert kept.claim(ONE).event == failed.id
    assert kept.claim(TWO).event == revived.id


def test_replay_takes_ids_and_says_what_stays_dead_with_status_3(kept: Kept) -> None:
    dead = kept.hear()
    ended = events(kept, "replay", dead.id, "--json")
    assert ended.status == 3
    assert json.loads(ended.out) == {
        "ok": False,
        "events": 1,
        "pages": [],
        "still_dead": [dead.id],
    }


def test_an_id_that_is_not_kept_replays_none(kept: Kept) -> None:
    heard = kept.hear(ONE)
    kept.read(ONE)
    unknown = "0" * 16
    ended = events(kept, "replay", heard.id, unknown)
    assert ended.status == 1
    assert f"No event {unknown} is kept" in ended.err
    assert kept.inbox.claim(50) == []


def test_export_prints_one_object_a_line_with_the_raw_bytes_on_demand(kept: Kept) -> None:
    heard = [kept.hear(ONE, text=str(number)) for number in range(3)]
    ended = events(kept, "export", "--json", "--body")
    assert ended.status == 0, ended.err
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [line["sha256"] for line in lines] == [one.digest for one in reversed(heard)]
    for line in lines:
        assert hashlib.sha256(base64.b64decode(line.pop("body"))).hexdigest() == line["sha256"]
    assert lines[0] == {
        "id": heard[2].id,
        "sha256": heard[2].digest,
        "received_at": "2023-11-14T22:13:20.000+00:00",
        "pages": ["1"],
        "state": "waiting",
        "copies": 1,
        "fault": None,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--state", "lost"),
        ("--page", "shop"),
        ("--since", "yesterday"),
        ("show", "abc"),
        ("show", "ABCDEF"),
        ("replay",),
        ("replay", "abcdef", "--failed"),
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: tuple[str, ...]) -> None:
    ended = run("events", *arguments, FBSYNC_DATABASE_URL="sqlite:///f.sqlite3")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err


def test_a_wrong_page_is_told_by_the_options_name() -> None:
    ended = run("events", "--page", "shop", FBSYNC_DATABASE_URL="sqlite:///f.sqlite3")
    assert "Invalid value for --page" in ended.err


def test_without_a_database_the_apps_id_is_asked_for_and_nothing_else() -> None:
    ended = run("events")
    assert ended.status == 2
    assert "FACEBOOK_APP_ID is missing" in ended.err
    assert "SECRET" not in ended.err
    ended = run("events", FACEBOOK_APP_ID="1" * 15)
    assert (ended.status, ended.out) == (1, "")
    assert "There is no database at " in ended.err


def test_an_export_of_a_hundred_megabytes_takes_flat_memory_and_may_be_cut_short(
    tmp_path: Path,
) -> None:
    url = sqlite_url(tmp_path / "f.sqlite3")
    with closing(Database(url)) as database:
        for number in range(20):
            rows = [
                {
                    "digest": f"{number:04x}{row:060x}",
                    "body": bytes(5000),
                    "page_ids": "[]",
                    "received_at": 1.0,
                }
                for row in range(1000)
            ]
            with database.write() as connection:
                connection.execute(deliveries.insert(), rows)
    command = [sys.executable, "-c", TELLING_ITS_MEMORY, "events", "export"]
    environ = environ_of({"FBSYNC_DATABASE_URL": url})
    whole = subprocess.run(command, env=environ, capture_output=True, check=True, timeout=300)
    assert whole.stdout.count(b"\n") == 20_000
    assert int(whole.stderr) < 150 * 1024  # the bodies alone would be 95 MiB more
    command = [sys.executable, "-m", "fbsync", "events", "export"]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as cut:
        assert cut.stdout is not None
        assert cut.stdout.readline()
        cut.stdout.close()
        assert cut.stderr is not None
        assert cut.stderr.read() == b""
