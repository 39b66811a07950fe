"""The differences of two versions, as people and programs get to see them."""

import re
from dataclasses import replace

import pytest

from fbsync.console import Console
from fbsync.difference_report import differences_as_json, show_differences
from fbsync.differences import Differences
from fbsync.field_list import ListChange
from fbsync.page import FieldChange, PageVersion
from tests.written_history import ABOUT, PAGE, REASON, versions

ONE, TWO, GONE, FOUR = versions()
SEVEN = ABOUT.replace("six", "seven")

LISTED = ListChange(("phone",))


def between(*changes: FieldChange) -> Differences:
    return Differences(TWO, FOUR, changes)


def shown(capsys: pytest.CaptureFixture[str], found: Differences) -> str:
    show_differences(Console(), PAGE, found)
    return capsys.readouterr().out


def without_bold(text: str) -> str:
    """Bold is no colour, so it stays under NO_COLOR; nothing else may."""
    return re.sub(r"\x1b\[[01]m", "", text)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal with colours, 140 columns wide."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "140")
    return monkeypatch


def test_in_a_pipe_values_stand_one_under_the_other_and_are_never_broken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = between(
        FieldChange("about", ABOUT, SEVEN), FieldChange("location", None, {"city": "Łódź"})
    )
    assert shown(capsys, found).splitlines() == [
        "--- version 2, 2026-03-01 13:00 UTC",
        "+++ version 4, 2026-03-01 14:00 UTC",
        "about",
        f"- {ABOUT}",
        f"+ {SEVEN}",
        "location",
        "- (unset)",
        "+ {",
        '+   "city": "Łódź"',
        "+ }",
        f"page {PAGE}: 2 fields changed from version 2 to 4",
    ]


def test_a_wide_terminal_has_both_side_by_side(
    capsys: pytest.CaptureFixture[str], terminal: pytest.MonkeyPatch
) -> None:
    terminal.setenv("NO_COLOR", "1")
    text = without_bold(shown(capsys, between(FieldChange("name", "Old", "New"))))
    assert any("Old" in line and "New" in line for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 140
    assert "\x1b" not in text


def test_a_narrow_terminal_has_long_values_wrapped_under_each_other(
    capsys: pytest.CaptureFixture[str], terminal: pytest.MonkeyPatch
) -> None:
    terminal.setenv("COLUMNS", "40")
    terminal.setenv("NO_COLOR", "1")
    text = shown(capsys, between(FieldChange("about", ABOUT, SEVEN)))
    lines = without_bold(text).splitlines()
    signed = [line for line in lines if line.startswith(("- ", "+ "))]
    assert len(signed) >= 6
    assert max(map(len, signed)) <= 40
    assert " ".join(line[2:].rstrip() for line in signed) == f"{ABOUT} {SEVEN}"


def test_the_words_that_changed_stand_out_and_the_others_do_not(
    capsys: pytest.CaptureFixture[str], terminal: pytest.MonkeyPatch
) -> None:
    terminal.setenv("COLUMNS", "90")
    text = shown(capsys, between(FieldChange("about", "open from six", "open from seven")))
    assert "open from \x1b[1;31msix\x1b[0m" in text
    assert "open from \x1b[1;32mseven\x1b[0m" in text


def test_values_too_long_to_compare_word_by_word_are_shown_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = shown(capsys, between(FieldChange("about", "a " * 5000, "b " * 5000)))
    assert f"- {'a ' * 5000}" in text
    assert f"+ {'b ' * 5000}" in text


def test_no_value_drives_the_terminal_or_forges_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    change = FieldChange("about", "fine", "\x1b]0;title\x07\u202eevil\n- forged")
    lines = shown(capsys, between(change)).splitlines()
    mark = "\N{REPLACEMENT CHARACTER}"
    assert lines[4:6] == [f"+ {mark}]0;title{mark}{mark}evil", "+ - forged"]


def test_a_time_without_access_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, Differences(TWO, GONE, ())).splitlines()
    assert lines[0] == (
        "version 3 inaccessible: The page is gone, or hidden from this login."
        " (the copy before it counts)"
    )
    assert lines[-1].strip() == f"page {PAGE}: no field changed from version 2 to 3"


def test_json_tells_both_versions_and_whole_values() -> None:
    assert isinstance(TWO, PageVersion)
    change = FieldChange("about", "x" * 500, None)
    told = differences_as_json(PAGE, Differences(GONE, replace(TWO, number=5), (change,), LISTED))
    assert told == {
        "page_id": PAGE,
        "before": {
            "number": 3,
            "noticed_at": "2026-03-01T13:30:00.000+00:00",
            "noticed_by": "sync",
            "inaccessible": REASON,
        },
        "after": {
            "number": 5,
            "noticed_at": "2026-03-01T13:00:00.000+00:00",
            "noticed_by": "webhook",
            "inaccessible": None,
        },
        "changes": [{"field": "about", "before": "x" * 500, "after": None}],
        "page_fields_added": ["phone"],
        "page_fields_removed": [],
    }


def test_a_new_list_of_fields_is_told_before_the_count(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, Differences(TWO, FOUR, (), LISTED)).splitlines()
    assert lines[-2].split(maxsplit=1) == ["fields", "asked for since: phone"]
    assert "no field changed" in lines[-1]
    assert "asked for" not in shown(capsys, Differences(TWO, FOUR, ()))
