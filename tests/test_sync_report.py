"""What a sync found, as people and programs get to see it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fbsync.console import Console
from fbsync.errors import TokenRefused
from fbsync.field_list import ListChange
from fbsync.hallway.refresh import Outcome
from fbsync.page import FieldChange, PageId, PageSnapshot, PageVersion
from fbsync.sync.difference import Difference
from fbsync.sync.missed_webhook import MissedWebhook
from fbsync.sync.report import SyncReport
from fbsync.sync.spool import Spool

ONE, TWO = PageId("1"), PageId("2")
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHANGES = (FieldChange("name", "Old", "New"),)
UNLISTED: dict[str, object] = {"page_fields_added": [], "page_fields_removed": []}


def version(number: int = 2, changes: tuple[FieldChange, ...] = CHANGES) -> PageVersion:
    snapshot = PageSnapshot(ONE, {"id": "1", "name": "New"}, AT, "v26.0")
    return PageVersion(ONE, number, snapshot, changes, "webhook")


STORED = Outcome(ONE, "stored", version=version())
UNCHANGED = Outcome(TWO, "unchanged")
PARKED = Outcome(TWO, "parked", reason="The token is refused.\nRun: fbsync login")
PUT_OFF = Outcome(TWO, "put off", reason="Facebook asks to wait.", retry_at=AT)
WOULD_CHANGE = Difference(ONE, "Bakery", CHANGES)


@pytest.fixture
def report() -> Iterator[Callable[..., SyncReport]]:
    """A report of what was found."""
    with ExitStack() as stack:

        def make(*found: Outcome | Difference) -> SyncReport:
            made = SyncReport(stack.enter_context(Spool()))
            for one in found:
                made.add(one)
            return made

        yield make


def shown(made: SyncReport, capsys: pytest.CaptureFixture[str]) -> str:
    made.show(Console())
    return capsys.readouterr().out


def shown_json(made: SyncReport, capsys: pytest.CaptureFixture[str]) -> object:
    made.show_json(Console(quiet_results=True))
    return json.loads(capsys.readouterr().out)


class TestSync:
    @pytest.mark.parametrize(
        ("found", "attention"),
        [
            ([], False),
            ([STORED, UNCHANGED, WOULD_CHANGE], False),
            ([STORED, PARKED], True),
            ([PUT_OFF], True),
        ],
    )
    def test_pages_that_could_not_be_mirrored_need_attention(
        self, report: Callable[..., SyncReport], found: list[Outcome | Difference], attention: bool
    ) -> None:
        assert report(*found).needs_attention is attention
        assert report(*found).as_json()["ok"] is not attention

    def test_a_person_whose_list_is_refused_needs_attention_and_is_named(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        made = report(UNCHANGED)
        made.refuse("Sam", TokenRefused("Session has expired.\nRun: fbsync login"))
        assert made.needs_attention
        assert made.as_json()["refused_logins"] == [
            {"name": "Sam", "reason": "Session has expired.\nRun: fbsync login"}
        ]
        assert "pages of Sam: Session has expired. Run: fbsync login" in shown(made, capsys)

    def test_the_table_shows_what_happened_and_the_line_counts_all(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = shown(report(STORED, UNCHANGED, PARKED), capsys)
        assert "name: Old → New" in text
        assert "The token is refused. Run:" in text
        assert text.splitlines()[-1] == "3 pages   1 parked, 1 stored, 1 unchanged"

    def test_a_large_count_stands_apart(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = shown(report(*[UNCHANGED] * 2000), capsys)
        assert text == "2000 pages 2000 unchanged\n"

    def test_where_nothing_happened_there_is_no_table(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert shown(report(UNCHANGED), capsys) == "1 page    1 unchanged\n"
        assert shown(report(), capsys) == "0 pages   nothing to do\n"

    def test_a_very_long_table_is_cut_and_says_so(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        many = [Difference(PageId(str(number)), "Shop", CHANGES) for number in range(1, 62)]
        text = shown(report(*many), capsys)
        assert "… and 11 more; --json lists all" in text
        assert text.count("would change") == 51  # 50 rows and the count

    def test_json_has_an_entry_for_each_page_worth_one(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        change = {"field": "name", "before": "Old", "after": "New"}
        assert shown_json(report(STORED, UNCHANGED, PARKED, WOULD_CHANGE), capsys) == {
            "ok": False,
            "checked": 4,
            "counts": {"stored": 1, "unchanged": 1, "parked": 1, "would_change": 1},
            "pages": [
                {
                    "page_id": "1",
                    "outcome": "stored",
                    "reason": None,
                    "version": 2,
                    "changes": [change],
                    **UNLISTED,
                    "missed_webhook": [],
                },
                {
                    "page_id": "2",
                    "outcome": "parked",
                    "reason": "The token is refused.\nRun: fbsync login",
                },
                {"page_id": "1", "outcome": "would_change", "changes": [change], **UNLISTED},
            ],
            "missed_webhooks": 0,
            "refused_fields": [],
            "refused_logins": [],
        }

    def test_without_pages_the_json_is_whole_too(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = shown_json(report(UNCHANGED), capsys)
        assert isinstance(found, dict)
        assert found["pages"] == []
        assert found["checked"] == 1

    def test_missed_webhooks_are_counted(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        made = report(STORED)
        made.miss(MissedWebhook(ONE, 2, ("name",)))
        assert "1 change that no webhook had told" in shown(made, capsys)
        assert made.as_json()["missed_webhooks"] == 1

    def test_the_page_whose_webhook_was_missed_is_marked_and_no_other(
        self, report: Callable[..., SyncReport], capsys: pytest.CaptureFixture[str]
    ) -> None:
        made = report(STORED)
        for page, fields in ((TWO, ("name", "phone")), (ONE, ())):
            if fields:
                made.miss(MissedWebhook(page, 2, fields))
            made.add(replace(STORED, page_id=page))
        told = shown_json(made, capsys)
        assert isinstance(told, dict)
        marks = [(entry["page_id"], entry["missed_webhook"]) for entry in told["pages"]]
        assert marks == [("1", []), ("2", ["name", "phone"]), ("1", [])]
        assert shown(made, capsys).count("(no webhook told: name, phone)") == 1

    def test_a_new_list_of_fields_is_told_of_each_page(
        self,
        report: Callable[..., SyncReport],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        listed = ListChange(("fan_count",), ("phone",))
        of_list = replace(version(), changes=(), list_change=listed)
        would = replace(WOULD_CHANGE, list_change=listed)
        made = report(replace(STORED, version=of_list), would)
        said = "asked for since: fan_count; no longer asked for: phone"
        text = " ".join(shown(made, capsys).split())
        assert f"version 2 {said}" in text
        assert f"Old → New; {said}" in text
        told = shown_json(made, capsys)
        assert isinstance(told, dict)
        for entry in told["pages"]:
            assert entry["page_fields_added"] == ["fan_count"]
            assert entry["page_fields_removed"] == ["phone"]


def test_unchanged_pages_are_counted_by_their_number(report: Callable[..., SyncReport]) -> None:
    made = report(STORED)
    made.add_unchanged(100)
    made.add_unchanged(1)
    assert made.summary == "1 stored, 101 unchanged"


def test_how_far_an_ended_run_came(report: Callable[..., SyncReport]) -> None:
    made = report(STORED)
    assert made.how_far(3) == "Stopped after 1 of about 3 pages: 1 stored."
    assert made.how_far(1) == "Stopped after 1 page: 1 stored."
