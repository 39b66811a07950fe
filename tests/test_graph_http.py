"""One request to the Graph API: its bounds, and what comes back."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import respx

from fbsync.errors import GraphUnavailable
from fbsync.graph.http import GraphHttp
from fbsync.graph.usage import Usage
from tests.servers import wait_until

URL = "https://graph.facebook.com"


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def answered() -> list[str]:
    return []


@pytest.fixture
def http(warnings: list[str], answered: list[str]) -> Iterator[GraphHttp]:
    opened = GraphHttp(URL, "v26.0", warnings.append, answered.append)
    yield opened
    opened.close()


@pytest.fixture
def meta() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL) as router:
        yield router


def test_status_body_version_and_usage_come_back(http: GraphHttp, meta: respx.MockRouter) -> None:
    headers = {"facebook-api-version": "v26.0", "X-App-Usage": '{"call_count": 7}'}
    meta.post("/v26.0/x").respond(400, json={"error": {}}, headers=headers)
    sent = http.post("x", {"a": "b"}, {"Authorization": "Bearer t"})
    assert (sent.status, sent.answer, sent.version) == (400, {"error": {}}, "v26.0")
    assert sent.usage == Usage(app_percent=7)
    assert meta.calls[0].request.content == b"a=b"


def test_each_answer_is_told_by_its_status_and_no_answer_as_none(
    http: GraphHttp, meta: respx.MockRouter, answered: list[str]
) -> None:
    meta.post("/v26.0/x").side_effect = [
        httpx.Response(200, json={}),
        httpx.Response(500, text="no JSON"),
        httpx.ConnectError("refused"),
    ]
    for _ in range(2):
        http.post("x", {}, {})
    with pytest.raises(GraphUnavailable):
        http.post("x", {}, {})
    assert answered == ["200", "500", "none"]


def test_a_redirect_is_not_followed(http: GraphHttp, meta: respx.MockRouter) -> None:
    meta.post("/v26.0/x").respond(302, headers={"Location": "https://elsewhere.example/"})
    assert http.post("x", {}, {}).status == 302


def test_an_endless_answer_is_cut_off(
    http: GraphHttp, meta: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.graph.http.MAX_ANSWER_BYTES", 10)
    meta.post("/v26.0/x").respond(text="x" * 11)
    with pytest.raises(GraphUnavailable, match="too long"):
        http.post("x", {}, {})


def test_an_answer_that_trickles_beyond_the_deadline_is_given_up(
    http: GraphHttp, meta: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.graph.http.DEADLINE_SECONDS", -1.0)
    meta.post("/v26.0/x").respond(text="x")
    with pytest.raises(GraphUnavailable, match="too slow"):
        http.post("x", {}, {})
    wait_until(lambda: meta.calls.called, "the request, which is left to itself")


def test_a_network_failure_passes_and_shows_no_secret(
    http: GraphHttp, meta: respx.MockRouter
) -> None:
    meta.post("/v26.0/x").mock(side_effect=httpx.ConnectError("refused EAAtoken"))
    with pytest.raises(GraphUnavailable, match="ConnectError") as caught:
        http.post("x", {"proof": "EAAtoken"}, {})
    assert "EAAtoken" not in str(caught.value)


def test_another_version_than_the_one_asked_for_is_told_once(
    http: GraphHttp, meta: respx.MockRouter, warnings: list[str]
) -> None:
    meta.post("/v26.0/x").respond(json={}, headers={"facebook-api-version": "v27.0"})
    assert http.post("x", {}, {}).version == "v27.0"
    http.post("x", {}, {})
    (warning,) = warnings
    assert "v27.0" in warning
    assert "FACEBOOK_GRAPH_VERSION" in warning


def test_the_version_that_was_asked_for_is_no_news(
    http: GraphHttp, meta: respx.MockRouter, warnings: list[str]
) -> None:
    meta.post("/v26.0/x").respond(json={}, headers={"facebook-api-version": "v26.0"})
    http.post("x", {}, {})
    assert warnings == []


def test_headers_that_trickle_beyond_the_deadline_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fbsync.graph.http.DEADLINE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        trickling = GraphHttp(url, "v26.0", lambda text: None)
        done = threading.Event()

        def trickle() -> None:
            peer, _ = server.accept()
            with peer:
                while not done.wait(0.05):
                    peer.sendall(b"H")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with pytest.raises(GraphUnavailable, match="too slow"):
                trickling.post("x", {}, {})
        finally:
            done.set()
            thread.join()
            trickling.close()
