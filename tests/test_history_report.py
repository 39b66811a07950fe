"""A page's history, as people and programs get to see it."""

from dataclasses import replace

import pytest

from fbsync.console import Console
from fbsync.field_list import ListChange
from fbsync.history_report import history_as_json, show_history, version_as_json
from fbsync.page import PageVersion, Tombstone
from tests.written_history import PAGE, REASON, versions


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")


def shown(
    capsys: pytest.CaptureFixture[str], found: list[PageVersion | Tombstone], limit: int = 20
) -> list[str]:
    show_history(Console(), PAGE, found, limit, total=4)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_version_tells_when_how_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, versions()[::-1]) == [
        "Version When (UTC) Noticed by What",
        "4 2026-03-01 14:00:00 poll accessible again; changed since: about, location, website",
        "3 2026-03-01 13:30:00 poll inaccessible: The page is gone, or hidden from this login.",
        "2 2026-03-01 13:00:00 webhook name",
        "1 2026-03-01 12:00:00 first read first copy, 4 fields",
        f"To see what changed: fbsync diff {PAGE}",
    ]


def test_older_ones_are_counted_and_the_last_one_shown_still_knows_what_was_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(capsys, versions()[:1:-1], limit=1)
    assert "accessible again" in lines[1]
    assert lines[2:] == ["… and 3 older ones; --limit 4 shows all"]
    lines = shown(capsys, versions()[::-1], limit=3)
    assert lines[-1] == "… and 1 older one; --limit 4 shows all"


def test_a_version_without_a_change_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *_ = versions()
    assert isinstance(second, PageVersion)
    assert "the same, stored again" in shown(capsys, [replace(second, changes=()), first])[1]


def test_no_text_from_outside_drives_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tombstone = versions()[2]
    assert isinstance(tombstone, Tombstone)
    lines = shown(capsys, [replace(tombstone, reason="\x1b[2Jgone")])
    assert "inaccessible: \N{REPLACEMENT CHARACTER}[2Jgone" in lines[1]


def test_a_long_reason_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    tombstone = versions()[2]
    assert isinstance(tombstone, Tombstone)
    line = shown(capsys, [replace(tombstone, reason="word " * 50)])[1]
    assert line.endswith("word word …")
    assert line.count("word") == 16


def test_json_has_every_change_and_the_reason_where_there_is_no_copy() -> None:
    told = history_as_json(PAGE, versions()[2:0:-1], 4)
    assert told == {
        "page_id": PAGE,
        "total": 4,
        "versions": [
            {
                "number": 3,
                "noticed_at": "2026-03-01T13:30:00.000+00:00",
                "noticed_by": "sync",
                "inaccessible": REASON,
                "changes": [],
                "page_fields_added": [],
                "page_fields_removed": [],
            },
            {
                "number": 2,
                "noticed_at": "2026-03-01T13:00:00.000+00:00",
                "noticed_by": "webhook",
                "inaccessible": None,
                "changes": [
                    {"field": "name", "before": "Blue Bottle", "after": "Blue Bottle Café"}
                ],
                "page_fields_added": [],
                "page_fields_removed": [],
            },
        ],
        "damaged": [],
    }


def test_a_new_list_of_fields_is_told_beside_what_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    first, second, gone, back = versions()
    assert isinstance(second, PageVersion)
    assert isinstance(back, PageVersion)
    listed = ListChange(("fan_count",), ("a", "b", "c", "d", "e", "f", "g"))
    told = "asked for since: fan_count; no longer asked for: a, b, c, d, e and 2 more"
    of_list_alone = replace(second, list_change=listed, changes=())
    found = [replace(back, list_change=listed), gone, of_list_alone, first]
    lines = shown(capsys, found)
    assert lines[1].endswith(f"changed since: about, location, website; {told}")
    assert lines[3].endswith(f"webhook {told}")
    lines = shown(capsys, [replace(second, list_change=listed), first])
    assert lines[1].endswith(f"webhook name; {told}")
    assert version_as_json(of_list_alone) == {
        **version_as_json(replace(second, changes=())),
        "page_fields_added": ["fan_count"],
        "page_fields_removed": ["a", "b", "c", "d", "e", "f", "g"],
    }
