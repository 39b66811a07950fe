"""The store in a bucket; what it shares with the others is in test_object_store."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fbsync.errors import StoreUnavailable
from fbsync.ports import LONGEST_PUT_SECONDS, ObjectStore, etag_of
from fbsync.store import quick_put, s3_client
from fbsync.store import spaces as module
from fbsync.store.s3_client import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS, make_client
from fbsync.store.s3_endpoint import S3Endpoint
from fbsync.store.spaces import SpacesStore
from tests.buckets import BUCKET, bare_client, make_bucket, spaces
from tests.ports import free_port
from tests.refusing_server import EMPTY_ETAG, Answer, RefusingServer, refusing_server
from tests.servers import S3Server
from tests.wire_proxy import Fault, WireProxy, wire_proxy

BODY = b'{"name": "' + b"x" * 4000 + b'"}'
KEY = "1/history/000001.json"

# Of one request, with botocore's "standard" retries: the server's wish adds five seconds at most.
LONGEST_PAUSES = sum(2**number + 5 for number in range(ATTEMPTS - 1))


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


@pytest.mark.parametrize("act", ["put", "create", "get", "head", "list"])
def test_a_missing_bucket_is_named(s3: S3Server, act: str) -> None:
    refused = failure(spaces(s3, bucket="no-such-bucket"), act)
    assert "no-such-bucket" in refused
    assert "SPACES_BUCKET" in refused


def test_whether_the_bucket_is_there_is_asked_once_where_a_look_cannot_tell() -> None:
    with refusing_server({"HEAD": Answer(404)}) as server:
        assert "NoSuchBucket" in failure(at(server), "head")
    assert len(server.requests) == 2
    with refusing_server({"HEAD": Answer(404), "PUT": Answer(412, "PreconditionFailed")}) as server:
        store = at(server)
        failure(store, "create")  # had there been no bucket, it would have said so
        assert store.head("1/page_data.json") is None
    assert [method for method, _ in server.requests] == ["PUT", "PUT", "HEAD", "HEAD"]


def test_a_server_that_stored_other_bytes_is_not_believed() -> None:
    stored = Answer(200, headers={"ETag": EMPTY_ETAG})
    with refusing_server({"PUT": stored}) as server:
        refused = failure(at(server), "put")
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
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_MAX_ATTEMPTS": "0",
    }.items():
        monkeypatch.setenv(name, value)
    store = spaces(s3)
    store.put("1/page_data.json", json.dumps({"id": "1"}).encode())
    assert store.get("1/page_data.json") == b'{"id": "1"}'


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCOUNT_ID_ENDPOINT_MODE",
        "AWS_DEFAULTS_MODE",
        "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
        "AWS_STS_REGIONAL_ENDPOINTS",
    ],
)
def test_nor_do_those_that_boto3_refuses(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "bogus")
    assert spaces(s3).get("1/page_data.json") is None


def at(server: RefusingServer, **changes: Any) -> SpacesStore:
    return spaces(S3Server(server.endpoint, "key", "secret"), "odd", **changes)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 waits between its tries; no test needs to."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "InvalidAccessKeyId", "SPACES_ACCESS_KEY"),
        (403, "SignatureDoesNotMatch", "SPACES_SECRET_KEY"),
        (403, "AccessDenied", "may read and write"),
        (400, "AuthorizationHeaderMalformed", "SPACES_REGION"),
        (301, "PermanentRedirect", "SPACES_REGION"),
        (307, "TemporaryRedirect", "SPACES_REGION"),
        (400, "IllegalLocationConstraintException", "SPACES_REGION"),
        (404, "NoSuchBucket", "aws s3api create-bucket --bucket mirror"),
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "QuotaExceeded", "quota"),
        (400, "BadDigest", "altered on their way"),
        (503, "SlowDown", "Too many requests"),
        (500, "InternalError", "usually passes"),
    ],
)
@pytest.mark.parametrize("act", ["put", "create"])
def test_each_refusal_on_the_wire_says_what_to_do(
    act: str, status: int, code: str, told: str
) -> None:
    with refusing_server({"PUT": Answer(status, code), "HEAD": Answer(404)}) as server:
        refused = failure(at(server), act)
    assert told in refused
    assert code in refused
    assert "AKIA0123" not in refused


@pytest.mark.usefixtures("no_pauses")
def test_a_server_that_wants_less_is_asked_a_few_times_and_then_looked_at() -> None:
    with refusing_server({"PUT": Answer(503, "SlowDown"), "HEAD": Answer(404)}) as server:
        failure(at(server), "put")
    assert [method for method, _ in server.requests] == ["PUT"] * (1 + ATTEMPTS) + ["HEAD"]


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("status", [409, 412, 500])
@pytest.mark.parametrize(("etag", "is_ours"), [(etag_of(b"{}"), True), (etag_of(b"x"), False)])
def test_what_is_there_decides_whether_a_refused_create_is_ours(
    status: int, etag: str, is_ours: bool
) -> None:
    there = Answer(200, headers={"ETag": f'"{etag}"'})
    with refusing_server({"PUT": Answer(status, "Refused"), "HEAD": there}) as server:
        assert at(server).create("1/page_data.json", b"{}") is is_ours


@pytest.mark.parametrize("status", [409, 412])
def test_a_create_that_was_refused_where_nothing_is_left_is_no_conflict(status: int) -> None:
    answers = {"PUT": Answer(status, "PreconditionFailed"), "HEAD": Answer(404)}
    with refusing_server(answers) as server:
        assert "PreconditionFailed" in failure(at(server), "create")


def test_a_put_is_private_guarded_by_its_md5_and_sends_nothing_that_ceph_minds() -> None:
    stored = Answer(200, headers={"ETag": f'"{etag_of(b"{}")}"'})
    with refusing_server({"PUT": stored}) as server:
        at(server).put("1/page_data.json", b"{}")
        at(server).create("1/page_data.json", b"{}")
    (_, put), (_, create) = server.requests
    assert put["x-amz-acl"] == "private"
    assert put["content-type"] == "application/json"
    assert put["content-md5"] == b64encode(hashlib.md5(b"{}").digest()).decode()  # noqa: S324 - what S3 asks for
    assert "if-none-match" not in put
    assert create["if-none-match"] == "*"
    unwanted = ("expect", "x-amz-trailer", "x-amz-checksum", "x-amz-sdk-checksum", "x-amz-meta")
    assert [name for name in put if name.startswith(unwanted)] == []
    assert "chunked" not in put.get("content-encoding", "") + put.get("transfer-encoding", "")


def test_a_wrong_access_key_and_a_wrong_digest_are_told_by_a_real_server(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = failure(spaces(s3, access_key="no-such-key"), "put")
    assert "InvalidAccessKeyId" in refused
    assert "no-such-key" not in refused
    for each in (module, quick_put):
        monkeypatch.setattr(each, "b64encode", lambda digest: b64encode(bytes(16)))
    assert "BadDigest" in failure(spaces(s3), "put")


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
    once = CONNECT_SECONDS + READ_SECONDS
    assert once + 2 * (ATTEMPTS * once + LONGEST_PAUSES) <= LONGEST_PUT_SECONDS


def test_a_glance_waits_less_for_each_part_of_an_answer() -> None:
    endpoint = S3Endpoint("nyc3", "http://127.0.0.1", "key", "secret")
    patient, glance = (
        vars(make_client(each).meta.config)
        for each in (endpoint, replace(endpoint, is_glance=True))
    )
    for name in ("connect_timeout", "read_timeout"):
        assert glance[name] < patient[name]


def test_a_server_that_wants_to_be_left_alone_for_an_hour_is_heard_for_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=pauses.append))
    busy = Answer(503, "SlowDown", {"x-amz-retry-after": str(3600 * 1000)})
    with refusing_server({"PUT": busy, "HEAD": busy}) as server:
        failure(at(server), "put")
        assert len(server.requests) == 1 + 2 * ATTEMPTS
    assert sum(pauses) <= 2 * LONGEST_PAUSES


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[WireProxy]:
    with wire_proxy(s3.port) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: WireProxy, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> SpacesStore:
    """A store whose wire may break, and which does not wait long."""
    for each in (s3_client, quick_put):
        monkeypatch.setattr(each, "READ_SECONDS", 1)
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
    assert act(KEY, BODY) is (write == "create")  # no try of this put went unanswered
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


def test_the_machines_own_certificates_do_not_count(
    seaweedfs_https: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seaweedfs_https.ca_file
    make_bucket(seaweedfs_https)
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, seaweedfs_https.ca_file)
    assert "SPACES_CA_FILE" in failure(spaces(seaweedfs_https, ca_file=None), "head")
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/missing.pem")
    assert spaces(seaweedfs_https).head("1/page_data.json") is None
