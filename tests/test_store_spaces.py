"""The store in a bucket; what it shares with the others is in test_object_store."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fbsync.errors import StoreUnavailable
from fbsync.ports import LONGEST_PUT_SECONDS, ObjectStore
from fbsync.store import spaces as module
from fbsync.store.spaces import SpacesStore
from tests.buckets import BUCKET, bare_client, make_bucket, spaces
from tests.servers import S3Server, free_port
from tests.wire_proxy import Fault, WireProxy, wire_proxy

BODY = b'{"name": "' + b"x" * 4000 + b'"}'
KEY = "1/history/000001.json"


@pytest.fixture
def s3(seaweedfs: S3Server) -> S3Server:
    make_bucket(seaweedfs)
    return seaweedfs


def test_objects_are_private_json(s3: S3Server) -> None:
    spaces(s3, "types").put("1/page_data.json", b"{}")
    with bare_client(s3) as client:
        head = client.head_object(Bucket=BUCKET, Key="types/1/page_data.json")
    assert head["ContentType"] == "application/json"


@pytest.mark.parametrize("act", ["put", "create", "get", "list"])
def test_a_wrong_secret_names_the_setting_and_never_its_value(s3: S3Server, act: str) -> None:
    refused = failure(spaces(s3, secret_key="wrong-secret"), act)
    assert "SPACES_SECRET_KEY" in refused
    assert "wrong-secret" not in refused
    assert s3.access_key not in refused


@pytest.mark.parametrize("act", ["put", "create", "get", "list"])
def test_a_missing_bucket_is_named(s3: S3Server, act: str) -> None:
    refused = failure(spaces(s3, bucket="no-such-bucket"), act)
    assert "no-such-bucket" in refused
    assert "SPACES_BUCKET" in refused


def test_a_server_that_stored_other_bytes_is_not_believed() -> None:
    with forgetful_server() as endpoint:
        refused = failure(spaces(S3Server(endpoint, "key", "secret")), "put")
    assert "stored other bytes" in refused


@pytest.mark.parametrize("act", ["put", "create", "get", "list"])
def test_a_server_that_is_down_is_named(act: str) -> None:
    down = S3Server(f"http://127.0.0.1:{free_port()}", "key", "secret")
    refused = failure(spaces(down), act)
    assert down.endpoint in refused
    assert "SPACES_ENDPOINT" in refused


def test_the_secret_is_in_no_representation() -> None:
    store = spaces(S3Server("http://127.0.0.1:1", "key", "hush-hush"))
    assert "hush-hush" not in repr(store)
    assert "hush-hush" not in str(store)


def test_the_machines_own_aws_settings_do_not_count(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
        "head": lambda: store.head("1/page_data.json"),
        "create": lambda: store.create("1/page_data.json", b"{}"),
    }
    with pytest.raises(StoreUnavailable) as caught:
        acts[act]()
    assert len(str(caught.value).splitlines()) <= 3
    return str(caught.value)


def test_the_longest_put_and_its_settling_fit_into_the_time_that_a_late_write_may_take() -> None:
    once = module.CONNECT_SECONDS + module.READ_SECONDS
    longest_pauses = sum(2**number for number in range(module.ATTEMPTS - 1))
    assert 2 * (module.ATTEMPTS * once + longest_pauses) <= LONGEST_PUT_SECONDS


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[WireProxy]:
    with wire_proxy(s3.port) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: WireProxy, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> SpacesStore:
    """A store whose wire may break, and which does not wait long."""
    monkeypatch.setattr(module, "READ_SECONDS", 1)
    through = S3Server(f"http://127.0.0.1:{proxy.port}", s3.access_key, s3.secret_key)
    return spaces(through, "behind-" + str(proxy.port))


@pytest.mark.parametrize("fault", ["refuse", "reset", "stall", "cut"])
@pytest.mark.parametrize("write", ["put", "create"])
def test_a_write_that_did_not_arrive_fails_and_succeeds_once_the_wire_is_whole(
    behind: SpacesStore, proxy: WireProxy, fault: Fault, write: str
) -> None:
    act = behind.put if write == "put" else behind.create
    proxy.break_by(fault)
    with pytest.raises(StoreUnavailable, match="No answer|Refused"):
        act(KEY, BODY)
    proxy.break_by(None)
    assert act(KEY, BODY) in (None, True)
    assert behind.get(KEY) == BODY


@pytest.mark.parametrize("write", ["put", "create"])
def test_a_write_whose_answer_was_lost_counts_once_the_object_is_seen(
    behind: SpacesStore, proxy: WireProxy, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = behind.head

    def heal_and_look(key: str) -> object:
        proxy.break_by(None)
        return head(key)

    monkeypatch.setattr(behind, "head", heal_and_look)
    proxy.break_by("mute")
    assert (behind.put if write == "put" else behind.create)(KEY, BODY) in (None, True)
    assert proxy.fault is None  # nothing but the look could heal it
    assert behind.get(KEY) == BODY


def test_a_lost_answer_of_a_create_that_came_second_is_a_conflict(
    behind: SpacesStore, proxy: WireProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert behind.create(KEY, b"the first")
    head = behind.head

    def heal_and_look(key: str) -> object:
        proxy.break_by(None)
        return head(key)

    monkeypatch.setattr(behind, "head", heal_and_look)
    proxy.break_by("mute")
    assert behind.create(KEY, BODY) is False
    assert behind.get(KEY) == b"the first"


def test_a_certificate_that_is_not_trusted_names_the_setting(seaweedfs_https: S3Server) -> None:
    refused = failure(spaces(seaweedfs_https, ca_file=None), "head")
    assert "SPACES_CA_FILE" in refused
