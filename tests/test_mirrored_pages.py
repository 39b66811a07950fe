"""The list of the pages that a store holds, for people and programs."""

from pathlib import Path

import pytest

from fbsync.console import Console
from fbsync.mirror import Mirror
from fbsync.mirrored_pages import mirrored_pages, mirrored_pages_as_json, show_mirrored_pages
from fbsync.store.directory import DirectoryStore
from tests.written_history import PAGE, REASON, write

ROW = {
    "page_id": PAGE,
    "name": "Blue Bottle Café",
    "version": 4,
    "noticed_at": "2026-03-01T14:00:00.000+00:00",
    "inaccessible": None,
}


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """An empty one."""
    return DirectoryStore(tmp_path, "facebook")


def told(store: DirectoryStore, limit: int = 20) -> dict[str, object]:
    found, more = mirrored_pages(Mirror(store), limit)
    return mirrored_pages_as_json(found, more=more)


def shown(store: DirectoryStore, capsys: pytest.CaptureFixture[str], limit: int = 20) -> list[str]:
    found, more = mirrored_pages(Mirror(store), limit)
    show_mirrored_pages(Console(), found, more=more, limit=limit)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_page_has_its_name_and_newest_version(
    store: DirectoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    write(store)
    assert told(store) == {"pages": [ROW], "more": False, "damaged": []}
    assert shown(store, capsys) == [
        "Page Name Version When (UTC) Inaccessible",
        f"{PAGE} Blue Bottle Café 4 2026-03-01 14:00:00",
        "To see a page's versions: fbsync history PAGE",
    ]


def test_a_page_that_is_gone_keeps_its_name_and_has_the_reason(
    store: DirectoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    write(store, up_to=3)
    gone = ROW | {
        "version": 3,
        "noticed_at": "2026-03-01T13:30:00.000+00:00",
        "inaccessible": REASON,
    }
    assert told(store)["pages"] == [gone]
    assert shown(store, capsys)[1].endswith("13:30:00 The page is gone, or hidden from this login.")


def test_of_more_pages_than_wanted_the_first_are_told_and_that_there_are_more(
    store: DirectoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    write(store)
    store.put("1/page_data.json", b'{"id": "1", "name": "One"}\n')
    without_versions = {"page_id": "1", "name": "One"} | dict.fromkeys(
        ("version", "noticed_at", "inaccessible")
    )
    assert told(store, 1) == {"pages": [without_versions], "more": True, "damaged": []}
    assert told(store, 2) == {"pages": [without_versions, ROW], "more": False, "damaged": []}
    lines = shown(store, capsys, 1)
    assert lines[1:] == ["1 One", "… and more; --limit 10 shows more of them"]


def test_what_is_damaged_is_named_beside_the_others(
    store: DirectoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    write(store)
    keys = [f"{PAGE}/history/000004.json", f"{PAGE}/page_data.json", "1/page_data.json"]
    store.put(keys[0], b"{}")
    found, _ = mirrored_pages(Mirror(store), 20)
    assert [error.key for error in found[0].damaged] == keys[:1]
    assert found[0].name == "Blue Bottle Café"
    store.put(keys[1], b"{")
    store.put(keys[2], b"{")
    found, _ = mirrored_pages(Mirror(store), 20)
    assert [error.key for page in found for error in page.damaged] == [keys[2], *keys[:2]]
    assert len(told(store)["damaged"]) == 3  # type: ignore[arg-type]  # a list
    assert [line.split()[:2] for line in shown(store, capsys)[3:-1]] == [
        ["damaged", key] for key in (keys[2], *keys[:2])
    ]
