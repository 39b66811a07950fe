"""One call to the Graph API: what goes over the wire, and what comes back."""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from fbsync.errors import (
    CallRefused,
    DatabaseUnavailable,
    FbsyncError,
    GraphUnavailable,
    RateLimited,
    TokenRefused,
)
from fbsync.graph.answer import Answer
from fbsync.graph.budget import APP_LIMIT, Limit
from fbsync.graph.call import GraphConnection
from fbsync.graph.read import Read
from fbsync.patience import MAX_TRIES, Patience
from tests.instant import INSTANT, NO_PATIENCE

URL = "https://graph.facebook.com"
# Computed independently of this program, with the secret "secret".
PROOF = "61b5257ec5c5a53e992ae4d93afa0975e1f1be671788f65a476b0689ad5d5dd5"


@pytest.fixture
def connection() -> Iterator[GraphConnection]:
    with GraphConnection(
        url=URL,
        version="v26.0",
        app_id="123456789012345",
        app_secret="secret",
        patience=NO_PATIENCE,
    ) as opened:
        yield opened


@pytest.fixture
def patient() -> Iterator[GraphConnection]:
    """A connection that tries again without waiting."""
    with GraphConnection(
        url=URL, version="v26.0", app_id="123456789012345", app_secret="secret", patience=INSTANT
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
    assert "include_headers" not in sent  # an item's headers tell of its page's limit


def test_a_delete_goes_the_way_of_a_read(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/").respond(json=[item({"success": True})])
    assert connection.delete("me/permissions", "EAAtoken").data == {"success": True}
    (call,) = json.loads(form(route.calls.last.request)["batch"])
    parts = urlsplit(call["relative_url"])
    assert (call["method"], parts.path) == ("DELETE", "me/permissions")
    assert parse_qs(parts.query) == {"access_token": ["EAAtoken"], "appsecret_proof": [PROOF]}
    assert route.calls.last.request.url.query == b""


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


@pytest.mark.parametrize("unfinished", [None, item({"error": {"code": 2}}, 500)])
def test_an_item_that_is_null_or_fails_for_now_is_asked_again_and_only_that(
    patient: GraphConnection, meta: respx.MockRouter, unfinished: object
) -> None:
    route = meta.post("/v26.0/")
    route.side_effect = [
        httpx.Response(200, json=[item({"id": "1"}), unfinished]),
        httpx.Response(200, json=[item({"id": "2"})]),
    ]
    first, second = patient.read_all([Read("1", "t"), Read("2", "t")])
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert second.data == {"id": "2"}
    (call,) = json.loads(form(route.calls.last.request)["batch"])
    assert call["relative_url"].startswith("2?")


def test_an_item_that_stays_null_is_a_failure_that_passes(
    patient: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/").respond(json=[None])
    assert isinstance(only_failure(patient.read_all([Read("1", "t")])), GraphUnavailable)
    assert route.call_count == MAX_TRIES


def test_a_throttled_page_holds_up_no_other_and_knows_its_time(
    patient: GraphConnection, meta: respx.MockRouter
) -> None:
    usage = {"1": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 7}]}
    header = {"name": "X-Business-Use-Case-Usage", "value": json.dumps(usage)}
    throttled = item({"error": {"code": 80001}}, 400) | {"headers": [header, "odd"]}
    route = meta.post("/v26.0/").respond(json=[throttled, item({"id": "2"})])
    first, second = patient.read_all([Read("1", "t"), Read("2", "t")])
    assert isinstance(second, Answer)
    assert isinstance(first, RateLimited)
    assert first.retry_at is not None
    assert 6.9 < (first.retry_at - datetime.now(UTC)).total_seconds() / 60 <= 7
    assert route.call_count == 1


def throttled(code: int, minutes: int) -> dict[str, object]:
    header = {"name": "X-Business-Use-Case-Usage", "value": used(100, minutes)}
    return item({"error": {"code": code}}, 400) | {"headers": [header]}


@pytest.mark.parametrize(("code", "seconds"), [(80001, 180), (4, 60), (17, 60)])
def test_a_page_waits_as_long_as_the_header_says_and_others_a_minute(
    meta: respx.MockRouter, code: int, seconds: int
) -> None:
    route = meta.post("/v26.0/")
    route.side_effect = [
        httpx.Response(200, json=[throttled(code, minutes=3)]),
        httpx.Response(200, json=[item({"id": "1"})]),
    ]
    pauses: list[float] = []
    with GraphConnection(
        url=URL, version="v26.0", app_id="1", app_secret="s", patience=Patience(200, pauses.append)
    ) as connection:
        assert connection.read(Read("1", "t", {}, "page 1")).data == {"id": "1"}
    assert [round(pause) for pause in pauses] == [seconds]


def test_all_pauses_of_one_read_are_bounded_together(meta: respx.MockRouter) -> None:
    # Throttled and failed in turn: both kinds of pauses count.
    answers = [[throttled(80001, minutes=0)], [None]] * 20
    route = meta.post("/v26.0/").mock(
        side_effect=[httpx.Response(200, json=answer) for answer in answers]
    )
    with (
        GraphConnection(
            url=URL, version="v26.0", app_id="1", app_secret="s", patience=INSTANT
        ) as connection,
        pytest.raises((RateLimited, GraphUnavailable)),
    ):
        connection.read(Read("1", "t", {}, "page 1"))
    assert route.call_count == MAX_TRIES


def test_what_failed_once_as_a_whole_is_asked_again(
    patient: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/")
    route.side_effect = [
        httpx.ConnectError("down"),
        httpx.Response(502, text="<html>"),
        httpx.Response(200, json=[None, item({"id": "2"})]),
        httpx.Response(500, json={"error": {"code": 1}}),
        httpx.Response(200, json=[item({"id": "1"})]),
    ]
    first, second = patient.read_all([Read("1", "t"), Read("2", "t")])
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.data, second.data) == ({"id": "1"}, {"id": "2"})


def test_what_was_read_before_the_failure_is_kept(
    patient: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/")
    down = httpx.Response(500, json={"error": {"code": 1}})
    route.side_effect = [httpx.Response(200, json=[None, item({"id": "2"})]), *[down] * 4]
    first, second = patient.read_all([Read("1", "t"), Read("2", "t")])
    assert isinstance(first, GraphUnavailable)
    assert isinstance(second, Answer)


def test_a_post_is_sent_again_unless_it_is_good_for_once_only(
    patient: GraphConnection, meta: respx.MockRouter
) -> None:
    route = meta.post("/v26.0/1/subscribed_apps")
    route.side_effect = [httpx.ConnectError("down"), httpx.Response(200, json={"success": True})]
    assert patient.post("1/subscribed_apps", {}, "t").data == {"success": True}
    code = meta.post("/v26.0/oauth/access_token").respond(500, json={"error": {"code": 2}})
    with pytest.raises(GraphUnavailable):
        patient.post("oauth/access_token", {}, None, once=True)
    assert code.call_count == 1


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


def test_reads_hide_their_tokens() -> None:
    assert "EAAtoken" not in repr(Read("1", "EAAtoken"))


def test_a_throttled_read_is_asked_for_again_at_the_end_by_those_who_wait(
    patient: GraphConnection, meta: respx.MockRouter
) -> None:
    busy, good = throttled(80001, minutes=1), item({"id": "1"})
    route = meta.post("/v26.0/").mock(
        side_effect=[httpx.Response(200, json=answer) for answer in ([busy, good], [good])]
    )
    reads = {page: Read(page, "t", {}, f"page {page}") for page in ("1", "2")}
    found = list(patient.read_each(reads, wait=True))
    assert [key for key, _ in found] == ["2", "1"]
    assert all(isinstance(answer, Answer) for _, answer in found)
    assert route.call_count == 2


def test_a_throttle_that_outlasts_patience_is_told(
    connection: GraphConnection, meta: respx.MockRouter
) -> None:
    meta.post("/v26.0/").respond(json=[throttled(80001, minutes=1)])
    ((key, found),) = connection.read_each({"1": Read("1", "t", {}, "page 1")}, wait=True)
    assert key == "1"
    assert isinstance(found, RateLimited)


class NotedBudget:
    """graph.usage.Budget that remembers what it is told; `closed` takes no call now."""

    def __init__(self, **closed: RateLimited) -> None:
        self.closed = {name.replace("_", " "): error for name, error in closed.items()}
        self.seen: dict[str, Limit] = {}

    def begin(self, limits: Collection[str]) -> Mapping[str, RateLimited]:
        if APP_LIMIT in self.closed:
            raise self.closed[APP_LIMIT]
        return {name: self.closed[name] for name in limits if name in self.closed}

    def note(self, seen: Mapping[str, Limit]) -> None:
        self.seen |= seen


def budgeted(budget: NotedBudget) -> GraphConnection:
    return GraphConnection(
        url=URL, version="v26.0", app_id="1", app_secret="s", patience=NO_PATIENCE, budget=budget
    )


def used(percent: int, minutes: int = 0) -> str:
    usage = {"call_count": percent, "estimated_time_to_regain_access": minutes}
    return json.dumps({"1": [{"type": "pages", **usage}]})


class TestBudget:
    def test_each_answer_tells_of_the_limit_that_its_call_counts_against(
        self, meta: respx.MockRouter
    ) -> None:
        header = {"name": "X-Business-Use-Case-Usage", "value": used(80)}
        app = {"name": "X-App-Usage", "value": '{"call_count": 40}'}
        items = [item({"id": "1"}) | {"headers": [header]}, item({"id": "2"}) | {"headers": [app]}]
        meta.post("/v26.0/").respond(json=items)
        budget = NotedBudget()
        with budgeted(budget) as connection:
            connection.read_all([Read("1", "t", {}, "page 1"), Read("2", "t", {}, "page 2")])
        assert budget.seen == {"page 1": Limit(80), "app": Limit(40)}

    def test_a_throttle_of_another_page_that_an_answer_tells_of_closes_nothing(
        self, meta: respx.MockRouter
    ) -> None:
        told = json.dumps(json.loads(used(7)) | {"2": json.loads(used(100, minutes=600))["1"]})
        header = {"name": "X-Business-Use-Case-Usage", "value": told}
        meta.post("/v26.0/").respond(json=[item({"id": "1"}) | {"headers": [header]}])
        meta.post("/v26.0/1/x").respond(
            json={"success": True}, headers={header["name"]: header["value"]}
        )
        read, posted = NotedBudget(), NotedBudget()
        with budgeted(read) as connection:
            connection.read(Read("1", "t", {}, "page 1"))
        with budgeted(posted) as connection:
            connection.post("1/x", {}, "t", limit="page 1")
        assert read.seen == posted.seen == {"page 1": Limit(7)}

    def test_a_page_is_throttled_for_its_own_time(self, meta: respx.MockRouter) -> None:
        told = json.loads(used(100, minutes=5)) | {"2": json.loads(used(100, minutes=600))["1"]}
        header = {"name": "X-Business-Use-Case-Usage", "value": json.dumps(told)}
        meta.post("/v26.0/").respond(
            json=[item({"error": {"code": 80001}}, 400) | {"headers": [header]}]
        )
        with budgeted(NotedBudget()) as connection:
            (found,) = connection.read_all([Read("1", "t", {}, "page 1")])
        assert isinstance(found, RateLimited)
        assert found.retry_at is not None
        assert found.retry_at < datetime.now(UTC) + timedelta(minutes=6)

    def test_a_refusal_outlasts_the_good_answers_beside_it(self, meta: respx.MockRouter) -> None:
        app = {"name": "X-App-Usage", "value": '{"call_count": 98}'}
        refused = item({"error": {"code": 4}}, 400)
        meta.post("/v26.0/").respond(json=[refused, item({"id": "2"}) | {"headers": [app]}])
        budget = NotedBudget()
        with budgeted(budget) as connection:
            connection.read_all([Read("1", "t", {}, "page 1"), Read("2", "t", {}, "page 2")])
        assert budget.seen["app"].percent == 98
        assert budget.seen["app"].until is not None

    def test_an_answer_whose_usage_cannot_be_noted_is_not_asked_for_again(
        self, meta: respx.MockRouter
    ) -> None:
        class Full(NotedBudget):
            def note(self, seen: Mapping[str, Limit]) -> None:
                raise DatabaseUnavailable("It is full.")

        route = meta.post("/v26.0/x").respond(json={"success": True})
        warnings: list[str] = []
        with GraphConnection(
            url=URL,
            version="v26.0",
            app_id="1",
            app_secret="s",
            budget=Full(),
            warn=warnings.append,
        ) as connection:
            assert connection.post("x", {}, "t").data == {"success": True}
        assert route.call_count == 1
        (warning,) = warnings
        assert "It is full." in warning

    def test_a_budget_that_cannot_be_read_is_no_failure_of_facebooks(
        self, meta: respx.MockRouter
    ) -> None:
        class Gone(NotedBudget):
            def begin(self, limits: Collection[str]) -> Mapping[str, RateLimited]:
                raise DatabaseUnavailable("It is gone.")

        with budgeted(Gone()) as connection, pytest.raises(DatabaseUnavailable):
            connection.read(Read("1", "t"))
        assert not meta.calls

    def test_a_throttle_closes_its_own_limit_until_it_ends(self, meta: respx.MockRouter) -> None:
        header = {"name": "X-Business-Use-Case-Usage", "value": used(100, minutes=5)}
        throttled = item({"error": {"code": 80001}}, 400) | {"headers": [header]}
        meta.post("/v26.0/").respond(json=[throttled, item({"error": {"code": 4}}, 400)])
        budget = NotedBudget()
        with budgeted(budget) as connection:
            reads = [Read("1", "t", {}, "page 1"), Read("2", "t", {}, "page 2")]
            connection.read_all(reads)
        now = datetime.now(UTC)
        page, app = budget.seen["page 1"].until, budget.seen["app"].until
        assert set(budget.seen) == {"page 1", "app"}
        assert page is not None
        assert round((page - now).total_seconds()) == 300
        assert app is not None
        assert round((app - now).total_seconds()) == 60

    def test_a_batch_that_repeats_its_pages_usage_says_nothing_of_the_app(
        self, meta: respx.MockRouter
    ) -> None:
        headers = {"X-Business-Use-Case-Usage": used(100)}
        meta.post("/v26.0/").respond(json=[item({"id": "1"})], headers=headers)
        budget = NotedBudget()
        with budgeted(budget) as connection:
            connection.read(Read("1", "t", {}, "page 1"))
        assert budget.seen == {}

    def test_a_throttled_batch_closes_the_app(self, meta: respx.MockRouter) -> None:
        meta.post("/v26.0/").respond(400, json={"error": {"code": 4}})
        budget = NotedBudget()
        with budgeted(budget) as connection, pytest.raises(RateLimited):
            connection.read(Read("1", "t", {}, "page 1"))
        assert budget.seen["app"].until is not None

    def test_what_is_closed_is_not_asked_for(self, meta: respx.MockRouter) -> None:
        route = meta.post("/v26.0/").respond(json=[item({"id": "2"})])
        closed = RateLimited("later")
        with budgeted(NotedBudget(page_1=closed)) as connection:
            reads = [Read("1", "t", {}, "page 1"), Read("2", "t", {}, "page 2")]
            first, second = connection.read_all(reads)
            assert first is closed
            assert isinstance(second, Answer)
            assert len(json.loads(form(route.calls[0].request)["batch"])) == 1
            with pytest.raises(RateLimited, match="later"):
                connection.read(reads[0])
            with pytest.raises(RateLimited, match="later"):
                connection.post("1", {}, "t", limit="page 1")
        assert route.call_count == 1

    def test_nothing_is_sent_while_the_app_is_closed(self, meta: respx.MockRouter) -> None:
        with budgeted(NotedBudget(app=RateLimited("later"))) as connection:
            with pytest.raises(RateLimited, match="later"):
                connection.read(Read("1", "t"))
            with pytest.raises(RateLimited, match="later"):
                connection.post("x", {}, "t")
        assert not meta.calls

    def test_a_read_waits_for_a_throttle_that_passes_soon(
        self, patient: GraphConnection, meta: respx.MockRouter
    ) -> None:
        throttled = [item({"error": {"code": 17}}, 400)]
        route = meta.post("/v26.0/")
        route.side_effect = [
            httpx.Response(200, json=throttled),
            httpx.Response(200, json=[item({"id": "1"})]),
        ]
        assert patient.read(Read("1", "t")).data == {"id": "1"}
