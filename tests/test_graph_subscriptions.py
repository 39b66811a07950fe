"""Both levels of subscriptions in the Graph API, over a real connection whose wire is respx."""

from typing import Any

import pytest

from fbsync.errors import CallbackRefused, CallRefused, GraphUnavailable, PermissionMissing
from fbsync.graph.call import MAX_BATCH, GraphConnection
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.subscription_plan import AppSubscription
from tests.graph_wire import APP, ONE, TWO, Meta, access, error, item


@pytest.fixture
def graph(connection: GraphConnection) -> GraphSubscriptions:
    return GraphSubscriptions(connection)


# The app's subscription


def subscription(**other: object) -> dict[str, Any]:
    return {
        "object": "page",
        "callback_url": "https://example.com/facebook/webhook",
        "active": True,
        "fields": [{"name": "name", "version": "v26.0"}, {"name": "about", "version": "v26.0"}],
        **other,
    }


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ([{"name": "name", "version": "v26.0"}, {"name": "about"}], {"name", "about"}),
        (["name", "about"], {"name", "about"}),
        ([], set()),
        (None, set()),
        ("name", set()),
    ],
)
def test_the_fields_of_the_apps_subscription_are_read_in_both_shapes(
    graph: GraphSubscriptions, meta: Meta, fields: object, names: set[str]
) -> None:
    others = [{"object": "user", "fields": []}, "text"]
    meta.answer_reads([item({"data": [*others, subscription(fields=fields)]})])
    assert graph.of_app() == AppSubscription(
        "https://example.com/facebook/webhook", True, frozenset(names)
    )
    (((node, params),),) = meta.reads
    assert node == f"{APP}/subscriptions"
    assert params["access_token"] == [f"{APP}|the-secret"]


@pytest.mark.parametrize("active", [False, None, "true", 1])
def test_only_a_plain_true_means_that_the_subscription_is_active(
    graph: GraphSubscriptions, meta: Meta, active: object
) -> None:
    meta.answer_reads([item({"data": [subscription(active=active)]})])
    found = graph.of_app()
    assert found is not None
    assert found.active is False


@pytest.mark.parametrize("data", [[], [{"object": "user"}], None])
def test_an_app_without_a_subscription_for_pages_has_none(
    graph: GraphSubscriptions, meta: Meta, data: object
) -> None:
    meta.answer_reads([item({"data": data})])
    assert graph.of_app() is None


def test_the_apps_subscription_is_set_with_all_fields_under_the_apps_token(
    graph: GraphSubscriptions, meta: Meta
) -> None:
    meta.answer_posts(f"{APP}/subscriptions", {"success": True})
    graph.subscribe_app("https://example.com/hook", "the-verify-token", {"name", "about"})
    (request,) = meta.requests
    (sent,) = meta.forms
    assert request.headers["Authorization"] == f"Bearer {APP}|the-secret"
    assert sent.pop("appsecret_proof")
    assert sent == {
        "object": "page",
        "callback_url": "https://example.com/hook",
        "verify_token": "the-verify-token",
        "fields": "about,name",
        "include_values": "true",
    }


def test_a_failed_handshake_says_so(graph: GraphSubscriptions, meta: Meta) -> None:
    meta.answer_posts(f"{APP}/subscriptions", error(2200), status=400)
    with pytest.raises(CallbackRefused, match="fbsync listen"):
        graph.subscribe_app("https://example.com/hook", "the-verify-token", {"name"})


# The pages' subscriptions


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ([{"id": APP, "subscribed_fields": ["name", "feed"]}], {"name", "feed"}),
        ([{"id": APP, "subscribed_fields": [{"name": "feed", "version": "v26.0"}]}], {"feed"}),
        ([{"id": APP}], set()),
        ([{"id": APP, "subscribed_fields": []}], set()),
        ([{"id": "999", "subscribed_fields": ["name"]}], set()),
        ([{"id": "999", "subscribed_fields": ["name"]}, {"id": APP}], set()),
        ([], set()),
        (None, set()),
    ],
)
def test_a_pages_subscription_is_that_of_our_own_app(
    graph: GraphSubscriptions, meta: Meta, data: object, fields: set[str]
) -> None:
    meta.answer_reads([item({"data": data})])
    assert graph.of_pages([access(1)]) == {ONE: frozenset(fields)}
    (((node, params),),) = meta.reads
    assert node == "1/subscribed_apps"
    assert params["fields"] == ["id,subscribed_fields"]
    assert params["access_token"] == ["EAApage1"]


def test_a_subscription_that_cannot_be_read_fails_alone(
    graph: GraphSubscriptions, meta: Meta
) -> None:
    good = item({"data": [{"id": APP, "subscribed_fields": ["name"]}]})
    meta.answer_reads([item(error(200), 403), good])
    found = graph.of_pages([access(1), access(2)])
    assert isinstance(found[ONE], PermissionMissing)
    assert found[TWO] == frozenset({"name"})


def test_a_page_is_subscribed_to_all_fields_with_its_own_token(
    graph: GraphSubscriptions, meta: Meta
) -> None:
    meta.answer_posts("1/subscribed_apps", {"success": True})
    graph.subscribe_page(access(1), ["name", "about", "feed"])
    (request,) = meta.requests
    assert request.headers["Authorization"] == "Bearer EAApage1"
    assert meta.forms[0]["subscribed_fields"] == "about,feed,name"


def test_a_refused_page_subscription_says_why(graph: GraphSubscriptions, meta: Meta) -> None:
    meta.answer_posts("1/subscribed_apps", error(210), status=400)
    with pytest.raises(PermissionMissing, match="It failed"):
        graph.subscribe_page(access(1), ["name"])


def test_what_was_not_read_when_facebook_went_away_has_that_error(
    graph: GraphSubscriptions, meta: Meta
) -> None:
    first = [item({"data": [{"id": APP, "subscribed_fields": ["name"]}]})] * MAX_BATCH
    meta.answer_reads(first, error(2))
    found = graph.of_pages([access(number) for number in range(1, MAX_BATCH + 3)])
    failed = [page for page, fields in found.items() if isinstance(fields, GraphUnavailable)]
    assert failed == [str(MAX_BATCH + 1), str(MAX_BATCH + 2)]
    assert len(meta.requests) == 2


# Taking off


def test_the_apps_fields_are_taken_off_by_name_and_the_secrets_stay_in_the_body(
    graph: GraphSubscriptions, meta: Meta
) -> None:
    meta.answer_reads([item({"success": True})])
    graph.unsubscribe_app({"phone", "name"})
    (((node, params),),) = meta.reads
    assert node == f"{APP}/subscriptions"
    assert (params["object"], params["fields"]) == (["page"], ["name,phone"])
    assert '"method": "DELETE"' in meta.forms[0]["batch"]


@pytest.mark.parametrize("answer", [{"success": True}, True])
def test_the_app_is_taken_off_a_page_with_the_pages_token(
    graph: GraphSubscriptions, meta: Meta, answer: object
) -> None:
    meta.answer_reads([item(answer)])
    graph.unsubscribe_page(access(1))
    (((node, params),),) = meta.reads
    assert (node, params["access_token"]) == ("1/subscribed_apps", ["EAApage1"])
    assert '"method": "DELETE"' in meta.forms[0]["batch"]


def test_a_refused_removal_says_why(graph: GraphSubscriptions, meta: Meta) -> None:
    meta.answer_reads([item(error(100), 400)])
    with pytest.raises(CallRefused, match="It failed"):
        graph.unsubscribe_app({"name"})


def test_a_bare_true_is_a_success(graph: GraphSubscriptions, meta: Meta) -> None:
    meta.answer_posts("1/subscribed_apps", True)
    graph.subscribe_page(access(1), ["name"])
    assert meta.forms[0]["subscribed_fields"] == "name"
