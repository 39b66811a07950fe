"""The object stores: the same cases on a directory, on moto and on SeaweedFS, http and https."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from fbsync.parallel import in_parallel
from fbsync.ports import ObjectStore, StoredObject, etag_of
from fbsync.store.directory import DirectoryStore
from tests.buckets import BUCKET, bare_client, keys_in, make_bucket, spaces
from tests.servers import S3Server

KINDS = ["directory", "moto_server", "seaweedfs", "seaweedfs_https"]


@pytest.fixture(params=KINDS)
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], ObjectStore]:
    """Makes a store for a prefix."""
    if request.param == "directory":
        return lambda prefix: DirectoryStore(tmp_path / "store", prefix)
    server: S3Server = request.getfixturevalue(request.param)
    make_bucket(server)
    return lambda prefix: spaces(server, prefix)


@pytest.fixture
def store(new_store: Callable[[str], ObjectStore]) -> ObjectStore:
    return new_store(f"facebook-{uuid4().hex}")


def test_what_was_put_is_got_back_byte_for_byte(store: ObjectStore) -> None:
    body = '{"name":"Café ☕"}\n'.encode() + bytes(range(256))
    store.put("1/page_data.json", body)
    assert store.get("1/page_data.json") == body


def test_a_missing_object_is_none(store: ObjectStore) -> None:
    assert store.get("1/page_data.json") is None


def test_a_second_put_replaces_the_first(store: ObjectStore) -> None:
    store.put("1/page_data.json", b"a long first body")
    store.put("1/page_data.json", b"short")
    assert store.get("1/page_data.json") == b"short"
    assert keys_in(store) == ["1/page_data.json"]


def test_an_empty_object_is_not_a_missing_one(store: ObjectStore) -> None:
    store.put("1/page_data.json", b"")
    assert store.get("1/page_data.json") == b""


def test_a_large_object_stays_whole(store: ObjectStore) -> None:
    body = os.urandom(9 * 1024 * 1024)
    store.put("1/large.json", body)
    assert store.get("1/large.json") == body


def test_keys_are_listed_in_order_by_their_beginning(store: ObjectStore) -> None:
    for key in ("2/page_data.json", "1/page_data.json", "1/history/000002.json", "10/a.json"):
        store.put(key, b"{}")
    expected = ["1/history/000002.json", "1/page_data.json", "10/a.json", "2/page_data.json"]
    assert keys_in(store) == expected
    assert keys_in(store, "1/") == expected[:2]
    assert keys_in(store, "1") == expected[:3]
    assert keys_in(store, "3/") == []


def test_a_folder_that_a_console_made_is_no_object(
    request: pytest.FixtureRequest, new_store: Callable[[str], ObjectStore], tmp_path: Path
) -> None:
    prefix = f"facebook-{uuid4().hex}"
    store = new_store(prefix)
    for folder in (f"{prefix}/", f"{prefix}/1/", f"{prefix}/1/history/"):
        if isinstance(store, DirectoryStore):
            (tmp_path / "store" / folder).mkdir(parents=True)
        else:
            kind = request.node.callspec.params["new_store"]
            with bare_client(request.getfixturevalue(kind)) as client:
                client.put_object(Bucket=BUCKET, Key=folder, Body=b"")
    assert keys_in(store) == []
    store.put("1/page_data.json", b"{}")
    assert keys_in(store) == keys_in(store, "1/") == ["1/page_data.json"]


def test_the_empty_store_lists_nothing(store: ObjectStore) -> None:
    assert keys_in(store) == []


def test_stores_with_other_prefixes_do_not_meet(new_store: Callable[[str], ObjectStore]) -> None:
    unique = uuid4().hex
    one, two = new_store(f"{unique}/one"), new_store(f"{unique}/two")
    one.put("1/a.json", b"one")
    assert two.get("1/a.json") is None
    assert keys_in(two) == []
    assert new_store(unique).get("one/1/a.json") == b"one"


@pytest.mark.parametrize(
    "key", ["", "/1", "1/", "1//2", "../1", "1/../2", "./1", "1\\2", "1\n", "a\x00b"]
)
def test_a_key_that_could_leave_the_prefix_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="no object key"):
        store.put(key, b"{}")
    with pytest.raises(ValueError, match="no object key"):
        store.create(key, b"{}")
    with pytest.raises(ValueError, match="no object key"):
        store.get(key)
    with pytest.raises(ValueError, match="no object key"):
        store.head(key)


def test_a_listing_that_would_leave_the_prefix_is_refused(store: ObjectStore) -> None:
    with pytest.raises(ValueError, match="no object key"):
        list(store.list("../"))


def test_head_and_list_tell_size_and_etag(store: ObjectStore) -> None:
    body = '{"name": "Café"}\n'.encode()
    store.put("1/page_data.json", body)
    expected = StoredObject("1/page_data.json", etag_of(body), len(body))
    assert store.head("1/page_data.json") == expected
    assert list(store.list("")) == [expected]
    assert store.head("2/page_data.json") is None


def test_an_object_is_created_once_and_then_left_alone(store: ObjectStore) -> None:
    assert store.create("1/history/000001.json", b"first")
    assert not store.create("1/history/000001.json", b"second")
    assert store.get("1/history/000001.json") == b"first"


def test_creating_the_same_bytes_again_is_no_conflict(store: ObjectStore) -> None:
    assert store.create("1/history/000001.json", b"first")
    assert store.create("1/history/000001.json", b"first")
    assert keys_in(store) == ["1/history/000001.json"]


def test_of_many_that_create_the_same_key_one_wins(store: ObjectStore) -> None:
    bodies = [f"body {number}".encode() for number in range(8)]
    won = in_parallel(lambda body: store.create("1/history/000001.json", body), bodies, 8)
    assert won.count(True) == 1
    assert store.get("1/history/000001.json") == bodies[won.index(True)]


@pytest.mark.parametrize("new_store", ["directory", "seaweedfs"], indirect=True)
def test_more_objects_than_one_answer_holds_are_listed(store: ObjectStore) -> None:
    expected = [f"{number:04d}/page_data.json" for number in range(1003)]
    in_parallel(lambda key: store.put(key, b"{}"), expected, 8)
    assert keys_in(store) == expected


def test_the_address_tells_people_where_the_objects_are(tmp_path: Path) -> None:
    assert DirectoryStore(tmp_path, "a/b").address == str(tmp_path / "a" / "b")
    server = S3Server("http://127.0.0.1:1", "key", "secret")
    assert spaces(server, "a/b").address == "s3://mirror/a/b"


def test_a_bucket_is_told_from_that_of_another_server(tmp_path: Path) -> None:
    assert DirectoryStore(tmp_path, "a/b").identity == str(tmp_path / "a" / "b")
    one, other = (S3Server(f"http://127.0.0.1:{port}", "key", "secret") for port in (1, 2))
    assert spaces(one, "a/b").identity == "s3://mirror/a/b at 127.0.0.1:1"
    assert spaces(other, "a/b").identity == "s3://mirror/a/b at 127.0.0.1:2"
    assert spaces(one, "a/b", path_style=False).identity == spaces(one, "a/b").identity
