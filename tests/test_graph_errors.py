"""Each documented error of the Graph API gives exactly one of ours."""

from datetime import UTC, datetime, timedelta

import pytest

from fbsync.errors import (
    CallbackRefused,
    CallRefused,
    FbsyncError,
    FieldRefused,
    GraphUnavailable,
    PageGone,
    PermissionMissing,
    RateLimited,
    TokenRefused,
)
from fbsync.graph.errors import error_from, hide_secrets
from fbsync.graph.usage import Usage

RETRY, WAIT, LOG_IN, GRANT = "retry", "wait", "log in again", "grant permission"
GONE, CALLBACK, SETTINGS = "page gone", "mend the callback", "mend the settings"
PASSES, ABOUT_CALLS = "usually passes", "refused calls go on counting"

# What each behaviour is by class, and what its message tells to do.
BEHAVIOURS: dict[str, type[FbsyncError]] = {
    RETRY: GraphUnavailable,
    WAIT: RateLimited,
    LOG_IN: TokenRefused,
    GRANT: PermissionMissing,
    GONE: PageGone,
    CALLBACK: CallbackRefused,
    SETTINGS: CallRefused,
}

PROOF = "Invalid appsecret_proof provided in the API argument"
UNREADABLE = (
    "(#100) Object does not exist, cannot be loaded due to missing permission or reviewable feature"
)

TABLE: list[tuple[dict[str, object], str, str]] = [
    ({"code": 1}, RETRY, PASSES),
    ({"code": 2}, RETRY, PASSES),
    ({"code": 999, "is_transient": True}, RETRY, PASSES),
    ({"code": 3}, GRANT, "FACEBOOK_SCOPES"),
    ({"code": 10}, GRANT, "FACEBOOK_SCOPES"),
    ({"code": 200}, GRANT, "FACEBOOK_SCOPES"),
    ({"code": 210}, GRANT, "FACEBOOK_SCOPES"),
    ({"code": 299}, GRANT, "FACEBOOK_SCOPES"),
    ({"code": 100, "message": UNREADABLE}, GRANT, "FACEBOOK_SCOPES"),
    ({"code": 4}, WAIT, ABOUT_CALLS),
    ({"code": 4, "is_transient": True}, WAIT, ABOUT_CALLS),
    ({"code": 17}, WAIT, ABOUT_CALLS),
    ({"code": 32}, WAIT, ABOUT_CALLS),
    ({"code": 341}, WAIT, ABOUT_CALLS),
    ({"code": 368}, WAIT, "policy"),
    ({"code": 613, "error_subcode": 1996}, WAIT, ABOUT_CALLS),
    ({"code": 80001}, WAIT, ABOUT_CALLS),
    ({"code": 80014}, WAIT, ABOUT_CALLS),
    ({"code": 12}, SETTINGS, "FACEBOOK_PAGE_FIELDS"),
    ({"code": 15}, SETTINGS, "FACEBOOK_APP_SECRET"),
    ({"code": 100}, SETTINGS, "FACEBOOK_PAGE_FIELDS"),
    ({"code": 100, "message": PROOF}, SETTINGS, "FACEBOOK_APP_SECRET"),
    ({"code": 1, "message": "Error validating client secret."}, SETTINGS, "FACEBOOK_APP_SECRET"),
    ({"code": 100, "error_subcode": 36008}, SETTINGS, "FACEBOOK_REDIRECT_URI"),
    ({"code": 100, "error_subcode": 36009}, SETTINGS, "works once"),
    ({"code": 100, "error_subcode": 33}, GONE, "still exists"),
    ({"code": 100, "error_subcode": 33, "message": UNREADABLE}, GONE, "still exists"),
    ({"code": 101}, SETTINGS, "FACEBOOK_APP_ID"),
    ({"code": 803}, GONE, "still exists"),
    ({"code": 102}, LOG_IN, "fbsync login"),
    ({"code": 190}, LOG_IN, "fbsync login"),
    ({"code": 190, "error_subcode": 458}, LOG_IN, "removed the app. Run: fbsync login"),
    ({"code": 190, "error_subcode": 459}, LOG_IN, "open facebook.com"),
    ({"code": 190, "error_subcode": 460}, LOG_IN, "changed the password. Run: fbsync login"),
    ({"code": 190, "error_subcode": 463}, LOG_IN, "has expired. Run: fbsync login"),
    ({"code": 190, "error_subcode": 464}, LOG_IN, "open facebook.com"),
    ({"code": 190, "error_subcode": 467}, LOG_IN, "fbsync login"),
    ({"code": 190, "error_subcode": 492}, LOG_IN, "another admin must run: fbsync login"),
    ({"code": 506}, SETTINGS, "Check"),
    ({"code": 2200}, CALLBACK, "FACEBOOK_VERIFY_TOKEN"),
    ({"code": 2201}, CALLBACK, "FACEBOOK_VERIFY_TOKEN"),
    ({"code": 2500}, SETTINGS, "FACEBOOK_GRAPH_VERSION"),
    ({"code": 2635}, SETTINGS, "FACEBOOK_GRAPH_VERSION"),
    ({"code": "odd"}, SETTINGS, "Check"),
    ({}, SETTINGS, "Check"),
]


@pytest.mark.parametrize(("error", "behaviour", "told"), TABLE)
def test_each_code_gives_exactly_one_class_and_one_behaviour(
    error: dict[str, object], behaviour: str, told: str
) -> None:
    found = error_from({"error": error}, 400)
    assert type(found) is BEHAVIOURS[behaviour]
    assert told in str(found).partition("\n")[2]
    assert (getattr(found, "retry_at", None) is not None) is (behaviour == WAIT)


@pytest.mark.parametrize(
    "told",
    [
        *({"code": 3}, {"code": 10}, {"code": 200}, {"code": 299}, {"code": 803}),
        *({"code": 102}, {"code": 190, "error_subcode": 463}, {"code": 100, "error_subcode": 33}),
        {"code": 100, "message": UNREADABLE},
        {"code": 12, "message": "(#12) parking is deprecated for versions v26.0"},
    ],
)
def test_what_meta_calls_transient_passes_whatever_its_code(told: dict[str, object]) -> None:
    found = error_from({"error": {**told, "is_transient": True}}, 400)
    assert type(found) is GraphUnavailable
    assert PASSES in str(found)
    assert "login" not in str(found)
    assert type(error_from({"error": {**told, "is_transient": False}}, 400)) is not type(found)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (-1, 500, GraphUnavailable),
        (5, 503, GraphUnavailable),
        (-1, 400, CallRefused),
        (100, 500, CallRefused),  # as of the retired parameter `ids`
        (12, 500, CallRefused),
        (190, 500, TokenRefused),
    ],
)
def test_a_code_without_a_meaning_passes_where_the_server_is_at_fault(
    code: int, status: int, kind: type[FbsyncError]
) -> None:
    assert type(error_from({"error": {"code": code}}, status)) is kind


@pytest.mark.parametrize(("code", "of_app"), [(4, True), (341, True), (17, False), (80001, False)])
def test_a_throttle_says_whose_it_is(code: int, of_app: bool) -> None:
    throttle = error_from({"error": {"code": code}}, 400)
    assert isinstance(throttle, RateLimited)
    assert throttle.of_app is of_app


@pytest.mark.parametrize(
    ("code", "message", "field"),
    [
        (12, "(#12) parking is deprecated for versions v26.0", "parking"),
        (12, "(#12) bio field is deprecated for versions v2.8 and higher", "bio"),
        (100, "(#100) Tried accessing nonexisting field (x_1) on node type (Page)", "x_1"),
    ],
)
def test_a_refused_page_field_is_named(code: int, message: str, field: str) -> None:
    refused = error_from({"error": {"code": code, "message": message}}, 400)
    assert isinstance(refused, FieldRefused)
    assert refused.field == field
    assert "FACEBOOK_PAGE_FIELDS" in str(refused)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (100, "(#100) Tried accessing nonexisting field (x) on node type (User)"),
        (190, "nonexisting field (x) on node type (Page)"),
        (12, "(#12) singular published story API is deprecated"),
    ],
)
def test_an_error_that_names_no_page_field_is_another_one(code: int, message: str) -> None:
    error = error_from({"error": {"code": code, "message": message}}, 400)
    assert not isinstance(error, FieldRefused)


def test_a_throttle_says_when_to_come_back() -> None:
    def wait(usage: Usage, code: int = 4) -> float | None:
        error = error_from({"error": {"code": code}}, 400, usage)
        assert isinstance(error, RateLimited)
        if error.retry_at is None:
            return None
        return round((error.retry_at - datetime.now(UTC)).total_seconds())

    assert wait(Usage(regain=timedelta(minutes=5)), 80001) == 300
    assert wait(Usage(regain=timedelta(0)), 80001) is None
    assert wait(Usage(regain=timedelta(0)), 4) == 60  # the minutes are those of pages alone
    assert wait(Usage(100)) == 60
    assert wait(Usage(), 368) == 3600


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"error": "text"}])
def test_a_body_without_an_error_object_passes(answer: object) -> None:
    error = error_from(answer, 502)
    assert type(error) is GraphUnavailable
    assert "HTTP 502" in str(error)


def test_the_message_says_what_happened_what_to_do_and_where_to_look() -> None:
    error = {
        "message": "Error validating access token",
        "code": 190,
        "error_subcode": 463,
        "fbtrace_id": "AbC",
    }
    text = str(error_from({"error": error}, 400))
    assert "Error validating access token (code 190, subcode 463, trace AbC)" in text
    assert "fbsync login" in text


def test_a_token_that_meta_repeats_is_blotted_out() -> None:
    text = (
        "Malformed access token EAAGm0PX4ZCpsBAOZA and 123456789012345|abcdef of"
        " 61b5257ec5c5a53e992ae4d93afa0975e1f1be671788f65a476b0689ad5d5dd5"
    )
    assert hide_secrets(text) == "Malformed access token [hidden] and [hidden] of [hidden]"
    assert "EAAGm0PX" not in str(error_from({"error": {"message": text, "code": 190}}, 400))


def test_a_long_message_is_cut() -> None:
    assert len(str(error_from({"error": {"message": "x" * 5000, "code": 1}}, 400))) < 500
