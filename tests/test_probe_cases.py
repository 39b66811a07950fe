"""What each case is, and that a good listener answers every one of them as it must."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fbsync.checklist import Checklist
from fbsync.database.engine import Database, sqlite_url
from fbsync.probe import Target, probe
from fbsync.probe_cases import ALL, CASES, HANDSHAKES
from tests.test_listening_application import SECRET, TOKEN, Listener, running_listener

REFUSED = {
    "forged": 401,
    "wrong-secret": 401,
    "altered-byte": 401,
    "no-signature": 401,
    "wrong-object": 400,
    "malformed-json": 400,
    "oversize": 413,
}


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    file = tmp_path / "f.sqlite3"
    with (
        closing(Database(sqlite_url(file))) as database,
        running_listener(database, file) as running,
    ):
        yield running


def test_a_good_listener_passes_all_cases(listener: Listener) -> None:
    checklist = Checklist(lambda step: None)
    probe(Target(listener.url, SECRET, TOKEN), checklist, ALL)
    assert [step.name for step in checklist.steps] == list(ALL)
    assert [(step.name, step.detail) for step in checklist.steps if not step.ok] == []
    good = len(CASES) - len(REFUSED)
    assert len(listener.kept()) == good  # the duplicate is kept once
    assert list(listener.inbox.pages()) == ["9" * 20]  # only unknown-page names a page


def test_every_case_is_listed_with_what_it_must_get() -> None:
    page = (Path(__file__).parent.parent / "docs" / "operations.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (\d{3}) \|", page, re.MULTILINE))
    assert listed == {name: str(REFUSED.get(name, 200)) for name in CASES} | {
        "handshake": "200",
        "handshake-wrong-token": "403",
    }


@pytest.mark.parametrize("name", CASES)
def test_what_a_case_must_get_is_written_down(name: str) -> None:
    assert CASES[name](SECRET).expected == REFUSED.get(name, 200)


@pytest.mark.parametrize("name", [name for name in CASES if name != "oversize"])
def test_a_delivery_is_escaped_ascii_and_new_each_time(name: str) -> None:
    one, other = CASES[name](SECRET), CASES[name](SECRET)
    assert one.body.isascii()
    assert one.body != other.body
    assert not set(b"<%@") & set(one.body)


@pytest.mark.parametrize("name", [name for name in CASES if REFUSED.get(name) != 401])
def test_a_case_that_is_not_about_signatures_is_signed_well(name: str) -> None:
    delivery = CASES[name](SECRET)
    for header, value in delivery.headers.items():
        algorithm = {"X-Hub-Signature-256": "sha256", "X-Hub-Signature": "sha1"}[header]
        digest = hmac.new(SECRET.encode(), delivery.body, getattr(hashlib, algorithm)).hexdigest()
        assert value == f"{algorithm}={digest}"
    assert delivery.headers


def test_the_cases_are_what_their_names_say() -> None:
    def read(name: str) -> list[dict[str, object]]:
        entries: list[dict[str, object]] = json.loads(CASES[name](SECRET).body)["entry"]
        return entries

    assert read("no-value")[0]["changes"] == [{"field": "name"}]
    assert len(read("many-entries")) == 50
    assert len(str(read("1000-changes")[0]["changes"]).split("field")) == 1001
    assert CASES["duplicate"](SECRET).times == 2
    assert b"\\/" in CASES["escaped-unicode"](SECRET).body
    assert b"\\ud83c" in CASES["emoji"](SECRET).body
    assert set(CASES["sha1-only"](SECRET).headers) == {"X-Hub-Signature"}
    assert set(HANDSHAKES).isdisjoint(CASES)
