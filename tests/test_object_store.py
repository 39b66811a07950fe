"""The object stores: the same cases on a directory, on moto and on SeaweedFS."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from fbsync.errors import StoreUnavailable
from fbsync.object_store import DirectoryStore, SpacesStore
from fbsync.ports import ObjectStore
from tests.servers import S3Server, free_port

BUCKET = "mirror"


def spaces(server: S3Server, prefix: str = "", **changes: str) -> SpacesStore:
    """A store on a test server, in a prefix of its own; the bucket is made where it is missing."""
    settings = {
        "bucket": BUCKET,
        "region": "nyc3",
        "endpoint": server.endpoint,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "prefix": prefix or f"facebook-{uuid4().hex}",
    } | changes
    return SpacesStore(**settings, path_style=True)


def make_bucket(server: S3Server) -> None:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )
    if BUCKET not in [bucket.get("Name") for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def s3(seaweedfs: S3Server) -> S3Server:
    make_bucket(seaweedfs)
    return seaweedfs


@pytest.fixture(params=["directory", "moto", "seaweedfs"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], ObjectStore]:
    """Makes a store for a prefix."""
    if request.param == "directory":
        return lambda prefix: DirectoryStore(tmp_path / "store", prefix)
    name = "moto_server" if request.param == "moto" else request.param
    server: S3Server = request.getfixturevalue(name)
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
    assert list(store.list("")) == ["1/page_data.json"]


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
    keys = ["1/history/000002.json", "1/page_data.json", "10/a.json", "2/page_data.json"]
    assert list(store.list("")) == keys
    assert list(store.list("1/")) == keys[:2]
    assert list(store.list("1")) == keys[:3]
    assert list(store.list("3/")) == []


def test_the_empty_store_lists_nothing(store: ObjectStore) -> None:
    assert list(store.list("")) == []


def test_stores_with_other_prefixes_do_not_meet(new_store: Callable[[str], ObjectStore]) -> None:
    unique = uuid4().hex
    one, two = new_store(f"{unique}/one"), new_store(f"{unique}/two")
    one.put("1/a.json", b"one")
    assert two.get("1/a.json") is None
    assert list(two.list("")) == []
    assert new_store(unique).get("one/1/a.json") == b"one"


@pytest.mark.parametrize(
    "key", ["", "/1", "1/", "1//2", "../1", "1/../2", "./1", "1\\2", "1\n", "a\x00b"]
)
def test_a_key_that_could_leave_the_prefix_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="no object key"):
        store.put(key, b"{}")
    with pytest.raises(ValueError, match="no object key"):
        store.get(key)


def test_the_address_tells_people_where_the_objects_are(tmp_path: Path) -> None:
    assert DirectoryStore(tmp_path, "a/b").address == str(tmp_path / "a" / "b")
    server = S3Server("http://127.0.0.1:1", "key", "secret")
    assert spaces(server, "a/b").address == "s3://mirror/a/b"


class TestDirectory:
    def test_the_layout_is_that_of_the_bucket(self, tmp_path: Path) -> None:
        DirectoryStore(tmp_path, "facebook").put("1/page_data.json", b"{}")
        assert (tmp_path / "facebook/1/page_data.json").read_bytes() == b"{}"

    def test_an_empty_prefix_puts_the_pages_at_the_root(self, tmp_path: Path) -> None:
        DirectoryStore(tmp_path, "").put("1/page_data.json", b"{}")
        assert (tmp_path / "1/page_data.json").exists()

    def test_a_failed_put_leaves_no_temporary_file(self, tmp_path: Path) -> None:
        (tmp_path / "1" / "page_data.json").mkdir(parents=True)
        with pytest.raises(StoreUnavailable, match="could not be written"):
            DirectoryStore(tmp_path, "").put("1/page_data.json", b"{}")
        assert list((tmp_path / "1").iterdir()) == [tmp_path / "1" / "page_data.json"]

    def test_what_a_crash_left_behind_is_not_listed(self, tmp_path: Path) -> None:
        store = DirectoryStore(tmp_path, "")
        store.put("1/page_data.json", b"{}")
        (tmp_path / "1" / ".fbsync-x7k2").write_bytes(b"{")
        assert list(store.list("")) == ["1/page_data.json"]

    def test_other_users_may_read_the_public_facts(self, tmp_path: Path) -> None:
        DirectoryStore(tmp_path, "").put("1/page_data.json", b"{}")
        assert (tmp_path / "1/page_data.json").stat().st_mode & 0o777 == 0o644

    def test_a_file_in_the_place_of_the_folder_is_explained(self, tmp_path: Path) -> None:
        (tmp_path / "store").write_text("")
        store = DirectoryStore(tmp_path / "store", "facebook")
        with pytest.raises(StoreUnavailable, match="FBSYNC_STORE_DIR"):
            store.put("1/page_data.json", b"{}")
        with pytest.raises(StoreUnavailable, match="could not be read"):
            store.get("1/page_data.json")


class TestSpaces:
    def test_objects_are_private_json(self, s3: S3Server) -> None:
        spaces(s3, "types").put("1/page_data.json", b"{}")
        client = boto3.client(
            "s3",
            region_name="nyc3",
            endpoint_url=s3.endpoint,
            aws_access_key_id=s3.access_key,
            aws_secret_access_key=s3.secret_key,
        )
        head = client.head_object(Bucket=BUCKET, Key="types/1/page_data.json")
        client.close()
        assert head["ContentType"] == "application/json"

    def test_more_keys_than_one_answer_holds_are_listed(self, moto_server: S3Server) -> None:
        make_bucket(moto_server)
        store = spaces(moto_server)
        keys = [f"{number:04d}/page_data.json" for number in range(1003)]
        for key in keys:
            store.put(key, b"{}")
        assert list(store.list("")) == keys

    @pytest.mark.parametrize("act", ["put", "get", "list"])
    def test_a_wrong_secret_names_the_setting_and_never_its_value(
        self, s3: S3Server, act: str
    ) -> None:
        refused = failure(spaces(s3, secret_key="wrong-secret"), act)
        assert "SPACES_SECRET_KEY" in refused
        assert "wrong-secret" not in refused
        assert s3.access_key not in refused

    @pytest.mark.parametrize("act", ["put", "get", "list"])
    def test_a_missing_bucket_is_named(self, s3: S3Server, act: str) -> None:
        refused = failure(spaces(s3, bucket="no-such-bucket"), act)
        assert "no-such-bucket" in refused
        assert "SPACES_BUCKET" in refused

    def test_a_server_that_stored_other_bytes_is_not_believed(self) -> None:
        with forgetful_server() as endpoint:
            refused = failure(spaces(S3Server(endpoint, "key", "secret")), "put")
        assert "stored other bytes" in refused

    @pytest.mark.parametrize("act", ["put", "get", "list"])
    def test_a_server_that_is_down_is_named(self, act: str) -> None:
        down = S3Server(f"http://127.0.0.1:{free_port()}", "key", "secret")
        refused = failure(spaces(down), act)
        assert down.endpoint in refused
        assert "SPACES_ENDPOINT" in refused

    def test_the_secret_is_in_no_representation(self) -> None:
        store = spaces(S3Server("http://127.0.0.1:1", "key", "hush-hush"))
        assert "hush-hush" not in repr(store)
        assert "hush-hush" not in str(store)

    def test_the_machines_own_aws_settings_do_not_count(
        self, s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        config = tmp_path / "config"
        config.write_text("[default]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\n")
        for name, value in {
            "AWS_PROFILE": "missing",
            "AWS_CONFIG_FILE": str(config),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
            "AWS_ACCESS_KEY_ID": "another",
            "AWS_SECRET_ACCESS_KEY": "another",
            "AWS_SESSION_TOKEN": "another",
        }.items():
            monkeypatch.setenv(name, value)
        store = spaces(s3)
        store.put("1/page_data.json", json.dumps({"id": "1"}).encode())
        assert store.get("1/page_data.json") == b'{"id": "1"}'


@contextmanager
def forgetful_server() -> Iterator[str]:
    """Takes every PUT and answers with the ETag of an empty object."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the store's answer is what counts."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def failure(store: ObjectStore, act: str) -> str:
    acts: dict[str, Callable[[], object]] = {
        "put": lambda: store.put("1/page_data.json", b"{}"),
        "get": lambda: store.get("1/page_data.json"),
        "list": lambda: list(store.list("")),
    }
    with pytest.raises(StoreUnavailable) as caught:
        acts[act]()
    assert len(str(caught.value).splitlines()) <= 3
    return str(caught.value)
