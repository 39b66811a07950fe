"""One call to the Graph API: what goes over the wire, and what comes back."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from fbsync.errors import CallRefused, FbsyncError, GraphUnavailable, TokenRefused
from fbsync.graph_call import Answer, GraphConnection, Read

URL = "https://graph.facebook.com"
# Computed independently of this program, with the secret "secret".
PROOF = "61b5257ec5c5a53e992ae4d93afa0975e1f1be671788f65a476b0689ad5d5dd5"


@pytest.fixture
def connection() -> Iterator[GraphConnection]:
    with GraphConnection(
        url=URL, version="v26.0", app_id="123456789012345", app_secret="secret"
    ) as opened:
        yield opened


@pytest.fixture
def meta() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL) as router:
        yield router


def form(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def item(body: object, code: int = 200) -> dict[str, object]:
    return {"code": code, "body": json.dumps(body)}


def only_failure(answers: list[Answer | FbsyncError]) -> FbsyncError:
    (answer,) = answers
    assert isinstance(answer, FbsyncError)
    return answer


def test_a_post_carries_its_token_in_a_header_and_its_proof_in_the_body(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/1/subscribed_apps").respond(json={"success": True})
    answer = connection.post("1/subscribed_apps", {"subscribed_fields": "name"}, "EAAtoken")
    request = route.calls.last.request
    assert answer.data == {"success": True}
    assert request.headers["Authorization"] == "Bearer EAAtoken"
    assert form(request) == {"subscribed_fields": "name", "appsecret_proof": PROOF}
    assert request.url.query == b""


def test_a_read_travels_in_the_body_with_its_own_token_and_proof(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/").respond(json=[item({"id": "1"})])
    assert connection.read(Read("1", "EAAtoken", {"fields": "id,name"})).data == {"id": "1"}
    sent = form(route.calls.last.request)
    (call,) = json.loads(sent["batch"])
    parts = urlsplit(call["relative_url"])
    assert (call["method"], parts.path) == ("GET", "1")
    assert parse_qs(parts.query) == {
        "fields": ["id,name"],
        "access_token": ["EAAtoken"],
        "appsecret_proof": [PROOF],
    }
    assert sent["include_headers"] == "false"


def test_the_version_that_really_answered_is_told(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    headers = {"facebook-api-version": "v21.0"}
    meta.post("/v26.0/").respond(json=[item({})], headers=headers)
    assert connection.read(Read("1", "t")).version == "v21.0"


def test_one_bad_item_fails_alone(connection: GraphConnection, meta: respx.MockRouter) -> None:
    bad = item({"error": {"code": 190, "message": "expired"}}, 400)
    meta.post("/v26.0/").respond(json=[item({"id": "1"}), bad])
    first, second = connection.read_all([Read("1", "t"), Read("2", "t")])
    assert isinstance(first, Answer)
    assert isinstance(second, TokenRefused)


def test_a_null_item_is_asked_again_and_only_that(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/")
    route.side_effect = [
        httpx.Response(200, json=[item({"id": "1"}), None]),
        httpx.Response(200, json=[item({"id": "2"})]),
    ]
    first, second = connection.read_all([Read("1", "t"), Read("2", "t")])
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert second.data == {"id": "2"}
    (call,) = json.loads(form(route.calls.last.request)["batch"])
    assert call["relative_url"].startswith("2?")


def test_an_item_that_stays_null_is_a_failure_that_passes(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/").respond(json=[None])
    assert isinstance(only_failure(connection.read_all([Read("1", "t")])), GraphUnavailable)
    assert route.call_count == 3


@pytest.mark.parametrize(
    "odd", [{"code": 200, "body": "no json"}, {"code": 200, "body": "[]"}, {"body": "{}"}, "text"]
)
def test_an_item_of_an_unknown_shape_is_a_failure_that_passes(
    connection: GraphConnection, meta: respx.MockRouter, odd: object
) -> None:
    meta.post("/v26.0/").respond(json=[odd])
    assert isinstance(only_failure(connection.read_all([Read("1", "t")])), GraphUnavailable)


@pytest.mark.parametrize("answer", [[], {"error": {"code": 2}}, "text", None])
def test_a_batch_that_fails_as_a_whole_raises(
    connection: GraphConnection, meta: respx.MockRouter, answer: object
) -> None:
    meta.post("/v26.0/").respond(json=answer)
    with pytest.raises(GraphUnavailable):
        connection.read(Read("1", "t"))


def test_a_refused_app_token_points_at_the_apps_settings(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    meta.post("/v26.0/").respond(400, json={"error": {"code": 190, "message": "bad"}})
    with pytest.raises(CallRefused, match="FACEBOOK_APP_SECRET"):
        connection.read(Read("1", "t"))


def test_an_error_of_a_post_raises(connection: GraphConnection, meta: respx.MockRouter) -> None:
    meta.post("/v26.0/x").respond(400, json={"error": {"code": 100, "message": "no"}})
    with pytest.raises(CallRefused):
        connection.post("x", {}, "t")


def test_a_proxys_error_page_passes(connection: GraphConnection, meta: respx.MockRouter) -> None:
    meta.post("/v26.0/x").respond(502, html="<h1>Bad gateway</h1>")
    with pytest.raises(GraphUnavailable, match="HTTP 502"):
        connection.post("x", {}, "t")


def test_a_redirect_is_not_followed(connection: GraphConnection, meta: respx.MockRouter) -> None:
    meta.post("/v26.0/x").respond(302, headers={"Location": "https://elsewhere.example/"})
    with pytest.raises(GraphUnavailable, match="HTTP 302"):
        connection.post("x", {}, "t")


def test_an_endless_answer_is_cut_off(
    connection: GraphConnection, meta: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.graph_call.MAX_ANSWER_BYTES", 10)
    meta.post("/v26.0/x").respond(text="x" * 11)
    with pytest.raises(GraphUnavailable, match="too long"):
        connection.post("x", {}, "t")


def test_an_answer_that_trickles_beyond_the_deadline_is_given_up(
    connection: GraphConnection, meta: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.graph_call.DEADLINE_SECONDS", -1.0)
    meta.post("/v26.0/x").respond(text="x")
    with pytest.raises(GraphUnavailable, match="too slow"):
        connection.post("x", {}, "t")


def test_a_network_failure_passes_and_shows_no_secret(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    meta.post("/v26.0/x").mock(side_effect=httpx.ConnectError("refused EAAtoken"))
    with pytest.raises(GraphUnavailable, match="ConnectError") as caught:
        connection.post("x", {}, "EAAtoken")
    assert "EAAtoken" not in str(caught.value)


def test_reads_hide_their_tokens() -> None:
    assert "EAAtoken" not in repr(Read("1", "EAAtoken"))
