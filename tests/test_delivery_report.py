"""The kept events, shown."""

import json
from datetime import UTC, datetime

import pytest

from fbsync.console import Console
from fbsync.database.delivery_log import KeptDelivery, PageStand
from fbsync.database.replay import Replayed
from fbsync.delivery_report import (
    event_as_json,
    show_event,
    show_events,
    show_replayed,
    stands_as_json,
)
from fbsync.page import PageId

ONE = PageId("1")


def event(*pages: str, copies: int = 1, fault: str | None = None) -> KeptDelivery:
    return KeptDelivery(
        number=7,
        digest="ab" * 32,
        received_at=datetime(2026, 11, 24, 10, 0, 1, tzinfo=UTC),
        page_ids=tuple(PageId(page) for page in pages),
        copies=copies,
        state="dead" if fault else "waiting",
        fault=fault,
    )


def stand(done: int, *, parked: bool = False, reason: str | None = None) -> PageStand:
    return PageStand(ONE, 2, done, parked, reason)


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_of_many_pages_the_first_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    show_events(Console(), [event("1", "2", "3", "4", "5")], more=False)
    assert "1, 2, 3 +2" in shown(capsys)


def test_where_there_are_more_the_limit_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    show_events(Console(), [event("1"), event("2")], more=True)
    assert "--limit 4 shows more" in shown(capsys)


def test_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    show_events(Console(), [], more=False)
    assert shown(capsys).strip() == "no such events are kept"


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        (stand(2), "1: read since"),
        (stand(1), "1: waits for a worker"),
        (stand(1, reason="Busy.\nLater."), "1: waits; the last try: Busy. Later."),
        (stand(1, parked=True, reason="No token."), "1: parked: No token."),
        (stand(2, parked=True, reason="No token."), "1: read since"),
    ],
)
def test_where_a_page_stands_is_told(
    stands: PageStand, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_event(Console(), event("1"), [stands], b"{}")
    assert f"page      {told}\n" in shown(capsys)


def test_why_an_event_is_dead_is_told_and_how_often_it_came(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_event(Console(), event(copies=3, fault="It names no page."), [], b"no json")
    told = shown(capsys)
    assert "2026-11-24 10:00:01 UTC, 3 times" in told
    assert "dead: It names no page." in told
    assert told.endswith("no json\n")


@pytest.mark.parametrize("body", [b"[" + b"1," * 999 + b"1]", b"no json " * 10_000])
def test_a_long_body_is_cut(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    show_event(Console(), event("1"), [], body)
    told = shown(capsys)
    assert told.endswith("… and more; --json holds all of the body\n")
    assert len(told.splitlines()) < 220
    assert len(told) < 60_000


def test_long_lists_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    entries: list[dict[str, object]] = [{"id": str(number)} for number in range(59)]
    entries.append({"id": "0", "changed_fields": [f"field{number}" for number in range(53)]})
    body = json.dumps({"entry": entries}).encode()
    show_event(Console(), event("1"), [stand(1)] * 70, body)
    lines = [line for line in shown(capsys).splitlines() if line.startswith(("page", "changed"))]
    assert "page      … and 20 more; --json lists all" in lines
    assert "changed   … and 9 more; --json lists all" in lines
    assert len(lines) == 51 + 51
    (first,) = [line for line in lines if line.startswith("changed   0: ")]
    assert first.endswith("field49 … and 3 more")


def test_an_entry_without_an_id_is_about_no_page(capsys: pytest.CaptureFixture[str]) -> None:
    show_event(Console(), event(), [], b'{"entry": [{"changes": [{"field": "name"}]}]}')
    assert "changed " not in shown(capsys)


@pytest.mark.parametrize("body", [b'["\\u001b[2J\\u202e"]', b"\x1b[2J\xe2\x80\xae"])
def test_a_body_that_would_drive_a_terminal_is_cleaned(
    body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    show_event(Console(), event("1"), [], body)
    told = shown(capsys)
    assert "[2J" in told
    assert not {"\x1b", "\u202e"} & set(told)


def test_what_stays_dead_is_told_first(capsys: pytest.CaptureFixture[str]) -> None:
    show_replayed(Console(), Replayed(3, frozenset({ONE}), ("abc",)))
    first, last = shown(capsys).splitlines()
    assert first == "dead      abc still names no page; see fbsync events show abc"
    assert last == "3 events  replayed; the next worker reads 1 page again"


def test_as_json_the_body_is_there_only_on_demand() -> None:
    assert "body" not in event_as_json(event("1"))
    assert event_as_json(event("1"), b"")["body"] == ""


def test_as_json_each_page_tells_its_changed_fields() -> None:
    body = b'{"entry": [{"id": "1", "changed_fields": ["name"]}]}'
    assert stands_as_json([stand(1, parked=True, reason="No token.")], body) == {
        "stands": [
            {
                "page_id": "1",
                "read": False,
                "parked": True,
                "reason": "No token.",
                "changed": ["name"],
            }
        ]
    }
