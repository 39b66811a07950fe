"""What was forgotten, and what was not, shown."""

import json

import pytest

from fbsync.console import Console
from fbsync.database.forgetting import Forgotten
from fbsync.forget_report import forgotten_as_json, show_forgotten
from fbsync.page import PageId

GONE = Forgotten(PageId("1"), "Bakery", 3, None)
KEPT = Forgotten(PageId("2"), "", 0, "it is not set aside")


def test_each_page_is_a_line_and_what_stays_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    show_forgotten(Console(), [GONE, KEPT])
    shown = capsys.readouterr()
    one, two = (" ".join(line.split()) for line in shown.out.splitlines())
    assert one == "✓ page 1 (Bakery): forgotten; 3 versions in the store"
    assert two == "✗ page 2: not forgotten, as it is not set aside; see fbsync pages 2"
    assert "What the store has of a page stays there." in shown.err


def test_where_nothing_was_forgotten_nothing_is_said_of_the_store(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_forgotten(Console(), [KEPT])
    assert capsys.readouterr().err == ""


def test_as_json_every_page_says_whether_and_why_not() -> None:
    found = json.loads(json.dumps(forgotten_as_json([GONE, KEPT])))
    assert found == {
        "ok": False,
        "pages": [
            {
                "page_id": "1",
                "name": "Bakery",
                "forgotten": True,
                "versions": 3,
                "reason": None,
            },
            {
                "page_id": "2",
                "name": "",
                "forgotten": False,
                "versions": 0,
                "reason": "it is not set aside",
            },
        ],
    }
    assert forgotten_as_json([GONE])["ok"] is True
