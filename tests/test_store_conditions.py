"""A bucket on a server that refuses `If-None-Match`, and one whose answers lack what S3 tells."""

from collections.abc import Callable
from typing import Any

import pytest

from fbsync.doctor import look_at_store
from fbsync.errors import StoreUnavailable
from fbsync.store.spaces import SpacesStore
from tests.buckets import spaces
from tests.refusing_server import Answer, RefusingServer, refusing_server
from tests.servers import S3Server
from tests.small_bucket import Bucket, served

KEY = "1/history/000001.json"
REFUSALS = [Answer(501, "NotImplemented"), Answer(501), Answer(400, "InvalidArgument")]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_server_that_refuses_the_condition_is_written_to_after_a_look(refusal: Answer) -> None:
    with served(Bucket(refusal)) as store:
        assert store.create(KEY, b"1")
        assert not store.guards_creates
        assert not store.create(KEY, b"2")
        assert store.create(KEY, b"1")
        assert store.get(KEY) == b"1"


def test_it_is_asked_for_the_condition_only_until_it_refused_it() -> None:
    bucket = Bucket(Answer(501, "NotImplemented"))
    with served(bucket) as store:
        store.create(KEY, b"1")
        asked = bucket.puts.copy()
        store.create("1/history/000002.json", b"2")
    assert asked == ["*", "*", None]  # the quick way and the client
    assert bucket.puts[len(asked) :] == [None]


def test_what_lies_there_already_is_not_replaced_by_the_first_create() -> None:
    bucket = Bucket(Answer(501, "NotImplemented"))
    with served(bucket) as store:
        store.put(KEY, b"1")
        assert not store.create(KEY, b"2")
        assert store.get(KEY) == b"1"


def test_a_server_that_knows_the_condition_is_asked_for_it_each_time() -> None:
    bucket = Bucket()
    with served(bucket) as store:
        store.create(KEY, b"1")
        store.create("1/history/000002.json", b"2")
        assert store.guards_creates
    assert bucket.puts == ["*", "*"]


def at(server: RefusingServer) -> SpacesStore:
    return spaces(S3Server(server.endpoint, "key", "secret"))


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_where_a_plain_put_is_refused_too_the_condition_is_not_the_reason(refusal: Answer) -> None:
    with refusing_server({"PUT": refusal, "HEAD": Answer(404)}) as server:
        store = at(server)
        with pytest.raises(StoreUnavailable, match="does not pass by itself") as caught:
            store.create(KEY, b"1")
        assert store.guards_creates
    assert (refusal.code or str(refusal.status)) in str(caught.value)
    assert "usually passes" not in str(caught.value)


def test_another_reason_is_not_met_with_a_put_without_condition() -> None:
    with refusing_server({"PUT": Answer(400, "BadDigest"), "HEAD": Answer(404)}) as server:
        with pytest.raises(StoreUnavailable, match="altered"):
            at(server).create(KEY, b"1")
        assert all("if-none-match" in headers for _, headers in server.requests)


@pytest.mark.parametrize("runs", [1, 2])
def test_doctor_warns_of_a_server_that_refuses_the_condition(runs: int) -> None:
    with served(Bucket(Answer(501, "NotImplemented"))) as store:
        for _ in range(runs):  # in a new process the object of the first is there
            store._knows_conditions = True
            found = look_at_store(lambda: store, 0, None, probes=True)
    assert (found.state, found.facts["creates_once"]) == ("warning", False)
    assert "refuses" in found.detail
    assert "If-None-Match" in found.detail


@pytest.mark.parametrize(
    ("answers", "act", "lacks"),
    [
        ({"PUT": Answer(200)}, lambda store: store.put(KEY, b"1"), "ETag"),
        ({"PUT": Answer(200)}, lambda store: store.create(KEY, b"1"), "ETag"),
        ({"HEAD": Answer(200)}, lambda store: store.head(KEY), "ETag"),
        (
            {"GET": Answer(200, listed="<Contents><Key>1/page_data.json</Key></Contents>")},
            lambda store: list(store.list("")),
            "ETag and no Size",
        ),
    ],
    ids=["put", "create", "head", "list"],
)
def test_an_answer_that_lacks_what_s3_tells_says_so(
    answers: dict[str, Answer], act: Callable[[SpacesStore], Any], lacks: str
) -> None:
    with refusing_server(answers) as server:
        with pytest.raises(StoreUnavailable, match=f"has no {lacks}") as caught:
            act(at(server))
        assert server.endpoint in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
