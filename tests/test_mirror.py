"""The reading side, on a folder and on SeaweedFS."""

from pathlib import Path
from uuid import uuid4

import pytest

from fbsync.errors import NotMirrored, UnreadableDocument
from fbsync.mirror import Mirror
from fbsync.page import FieldChange
from fbsync.ports import ObjectStore
from fbsync.store.directory import DirectoryStore
from tests.buckets import make_bucket, spaces
from tests.servers import S3Server
from tests.written_history import ABOUT, COPIES, PAGE, snapshot, versions, write


@pytest.fixture(params=["directory", "seaweedfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store", "facebook")
    server: S3Server = request.getfixturevalue("seaweedfs")
    make_bucket(server)
    return spaces(server, f"facebook-{uuid4().hex}")


@pytest.fixture
def mirror(store: ObjectStore) -> Mirror:
    """The mirror of a store that holds one page with all of its history."""
    write(store)
    return Mirror(store)


def test_a_page_is_as_it_was_stored_last(mirror: Mirror) -> None:
    page = mirror.page(PAGE)
    assert page is not None
    assert (page.page_id, page.name) == (PAGE, "Blue Bottle Café")
    assert page.fields == COPIES[2]
    assert mirror.document(PAGE) == snapshot(2).document


def test_what_is_not_stored_is_none_or_nothing(mirror: Mirror) -> None:
    assert mirror.page("9") is None
    assert mirror.document("9") is None
    assert mirror.version(PAGE, 5) is None
    assert mirror.document(PAGE, 5) is None
    assert list(mirror.history("9")) == []
    assert mirror.numbers("9") == []


@pytest.mark.parametrize("page", ["", "../1", "1/2", "a", "1" * 33])
def test_only_an_id_names_a_page(mirror: Mirror, page: str) -> None:
    asks = (mirror.page, mirror.document, mirror.numbers, mirror.inaccessible, mirror.differences)
    for ask in asks:
        with pytest.raises(ValueError, match="1 to 32 digits"):
            ask(page)
    with pytest.raises(ValueError, match="1 to 32 digits"):
        mirror.version(page, 1)


def test_the_history_is_told_newest_first(mirror: Mirror) -> None:
    assert list(mirror.history(PAGE)) == versions()[::-1]
    assert list(mirror.history(PAGE, 2)) == versions()[:1:-1]
    assert mirror.version(PAGE, 3) == versions()[2]
    assert mirror.document(PAGE, 3) == versions()[2].document


def test_a_page_that_is_gone_says_so_beside_its_last_copy(store: ObjectStore) -> None:
    mirror = Mirror(store)
    write(store, up_to=2)
    assert mirror.inaccessible(PAGE) is None
    write(store, up_to=3)
    gone = mirror.inaccessible(PAGE)
    assert gone == versions()[2]
    page = mirror.page(PAGE)
    assert page is not None
    assert page.fields == COPIES[1]
    write(store)  # it is back
    assert mirror.inaccessible(PAGE) is None
    assert mirror.inaccessible("9") is None


def test_all_pages_that_have_a_copy_are_listed_and_nothing_else(
    store: ObjectStore, mirror: Mirror
) -> None:
    store.put("1/page_data.json", b'{"id": "1", "name": "One"}\n')
    store.put("2/history/000001.json", versions()[2].document)  # never readable, so no copy
    store.put("notes/page_data.json", b"{}")
    store.put("README.json", b"{}")
    assert list(mirror.page_ids()) == ["1", PAGE]
    assert [page.name for page in mirror.pages()] == ["One", "Blue Bottle Café"]


def test_a_number_of_seven_digits_is_newer_than_one_of_six(store: ObjectStore) -> None:
    for number in ("000002", "999999", "1000000"):
        store.put(f"{PAGE}/history/{number}.json", b"{}")
    store.put(f"{PAGE}/history/notes.json", b"{}")
    assert Mirror(store).numbers(PAGE) == [1000000, 999999, 2]


class TestDifferences:
    def test_the_newest_is_compared_with_the_one_before_it(self, store: ObjectStore) -> None:
        write(store, up_to=2)
        found = Mirror(store).differences(PAGE)
        assert (found.before, found.after) == tuple(versions()[:2])
        assert found.changes == (FieldChange("name", "Blue Bottle", "Blue Bottle Café"),)

    def test_a_tombstone_stands_for_the_copy_before_it(self, mirror: Mirror) -> None:
        found = mirror.differences(PAGE)
        assert (found.before, found.after) == tuple(versions()[2:])
        assert [change.name for change in found.changes] == ["about", "location", "website"]
        assert mirror.differences(PAGE, 2, 3).changes == ()

    def test_a_version_is_compared_with_the_newest_or_with_another(self, mirror: Mirror) -> None:
        to_newest = mirror.differences(PAGE, 1)
        assert (to_newest.before.number, to_newest.after.number) == (1, 4)
        names = [change.name for change in to_newest.changes]
        assert names == ["about", "location", "name", "website"]
        back = mirror.differences(PAGE, 4, 2)
        assert back.changes[0] == FieldChange("about", ABOUT.replace("six", "seven"), ABOUT)

    def test_what_is_not_there_is_named_with_what_to_do(self, mirror: Mirror) -> None:
        with pytest.raises(NotMirrored, match="no copy of page 9.*\n.*fbsync history lists"):
            mirror.differences("9")
        for before, after in ((7, None), (1, 7), (7, 1)):
            with pytest.raises(NotMirrored, match=f"no version 7 .*\n.*fbsync history {PAGE}"):
                mirror.differences(PAGE, before, after)

    def test_one_version_alone_has_nothing_to_be_compared_with(self, store: ObjectStore) -> None:
        write(store, up_to=1)
        with pytest.raises(NotMirrored, match=f"nothing to compare.\n.*show {PAGE} --version 1"):
            Mirror(store).differences(PAGE)

    def test_a_page_that_was_never_readable_changes_from_nothing(self, store: ObjectStore) -> None:
        for version in versions()[2:]:
            store.put(f"{PAGE}/history/{version.number:06d}.json", version.document)
        changes = Mirror(store).differences(PAGE).changes
        assert {change.before for change in changes} == {None}
        assert len(changes) == len(COPIES[2])


def test_a_damaged_document_is_named_by_its_key(store: ObjectStore, mirror: Mirror) -> None:
    store.put(f"{PAGE}/page_data.json", b'{"cut')
    with pytest.raises(UnreadableDocument, match=f"{PAGE}/page_data.json"):
        mirror.page(PAGE)
    store.put(f"{PAGE}/history/000002.json", b"")
    with pytest.raises(UnreadableDocument, match=f"(?s){PAGE}/history/000002.json.*sync --verify"):
        mirror.version(PAGE, 2)


def test_one_damaged_document_does_not_hide_the_others(
    store: ObjectStore, mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("1/page_data.json", b'{"id": "1", "name": "One"}\n')
    store.put(f"{PAGE}/page_data.json", b'{"cut')
    store.put(f"{PAGE}/history/000002.json", b"")
    assert [page.name for page in mirror.pages()] == ["One"]
    assert [version.number for version in mirror.history(PAGE)] == [4, 3, 1]
    assert [version.number for version in mirror.history(PAGE, 3)] == [4, 3]
    assert [record.name for record in caplog.records] == ["fbsync"] * 3
    told: list[str] = []
    list(mirror.pages(lambda error: told.append(error.key)))
    list(mirror.history(PAGE, damaged=lambda error: told.append(error.key)))
    assert told == [f"{PAGE}/page_data.json", f"{PAGE}/history/000002.json"]


def test_a_mirror_tells_its_place_and_no_secret() -> None:
    server = S3Server("http://127.0.0.1:1", "the-key", "hush-hush")
    assert repr(Mirror(spaces(server, "facebook"))) == "Mirror('s3://mirror/facebook')"
