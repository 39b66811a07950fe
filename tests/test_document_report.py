"""A page beside its history entry, on terminals of two widths."""

import json
from datetime import UTC, datetime

import pytest

from fbsync.console import Console
from fbsync.document_report import show_documents
from fbsync.page import FieldChange, PageId, PageSnapshot, PageVersion

ONE = PageId("1")
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHANGES = (FieldChange("name", "Old", "New"),)


def version() -> PageVersion:
    snapshot = PageSnapshot(ONE, {"id": "1", "name": "New"}, AT, "v26.0")
    return PageVersion(ONE, 2, snapshot, CHANGES, "webhook")


class TestDocuments:
    @pytest.mark.parametrize(("columns", "side_by_side"), [("120", True), ("60", False)])
    def test_page_and_entry_stand_side_by_side_where_there_is_room(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        columns: str,
        side_by_side: bool,
    ) -> None:
        monkeypatch.setenv("COLUMNS", columns)
        stored = version()
        show_documents(
            Console(),
            ("page_data.json", stored.snapshot.document),
            ("history/000002.json", stored.document),
        )
        text = capsys.readouterr().out
        heads = [line for line in text.splitlines() if "page_data.json" in line]
        assert ("history/000002.json" in heads[0]) is side_by_side
        assert '"before": "Old"' in text

    def test_what_changed_stands_out(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
        stored = version()
        page = json.dumps({"id": "1", "name": "New"}, indent=2).encode()
        show_documents(Console(), ("page", page), ("entry", stored.document))
        text = capsys.readouterr().out
        assert '\x1b[1;32m  "name": "New"' in text
        assert '\x1b[1;32m  "id"' not in text
