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
from fbsync.graph_errors import error_from, hide_secrets
from fbsync.graph_usage import Usage

TABLE: list[tuple[dict[str, object], type[FbsyncError]]] = [
    ({"code": 1}, GraphUnavailable),
    ({"code": 2}, GraphUnavailable),
    ({"code": 999, "is_transient": True}, GraphUnavailable),
    ({"code": 3}, PermissionMissing),
    ({"code": 10}, PermissionMissing),
    ({"code": 200}, PermissionMissing),
    ({"code": 210}, PermissionMissing),
    ({"code": 299}, PermissionMissing),
    ({"code": 4}, RateLimited),
    ({"code": 4, "is_transient": True}, RateLimited),
    ({"code": 17}, RateLimited),
    ({"code": 32}, RateLimited),
    ({"code": 341}, RateLimited),
    ({"code": 368}, RateLimited),
    ({"code": 613, "error_subcode": 1996}, RateLimited),
    ({"code": 80001}, RateLimited),
    ({"code": 80014}, RateLimited),
    ({"code": 12}, CallRefused),
    ({"code": 15}, CallRefused),
    ({"code": 100}, CallRefused),
    ({"code": 100, "error_subcode": 36009}, CallRefused),
    ({"code": 100, "error_subcode": 33}, PageGone),
    ({"code": 803}, PageGone),
    ({"code": 102}, TokenRefused),
    ({"code": 190, "error_subcode": 458}, TokenRefused),
    ({"code": 190, "error_subcode": 459}, TokenRefused),
    ({"code": 190, "error_subcode": 460}, TokenRefused),
    ({"code": 190, "error_subcode": 463}, TokenRefused),
    ({"code": 190, "error_subcode": 464}, TokenRefused),
    ({"code": 190, "error_subcode": 467}, TokenRefused),
    ({"code": 190, "error_subcode": 492}, TokenRefused),
    ({"code": 2200}, CallbackRefused),
    ({"code": 2201}, CallbackRefused),
    ({"code": 2500}, CallRefused),
    ({"code": "odd"}, CallRefused),
    ({}, CallRefused),
]


@pytest.mark.parametrize(("error", "kind"), TABLE)
def test_each_code_gives_exactly_one_class(
    error: dict[str, object], kind: type[FbsyncError]
) -> None:
    assert type(error_from({"error": error}, 400)) is kind


@pytest.mark.parametrize(
    ("code", "message", "field"),
    [
        (12, "(#12) parking is deprecated for versions v26.0", "parking"),
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
    def wait(usage: Usage) -> float | None:
        error = error_from({"error": {"code": 4}}, 400, usage)
        assert isinstance(error, RateLimited)
        if error.retry_at is None:
            return None
        return round((error.retry_at - datetime.now(UTC)).total_seconds())

    assert wait(Usage(100, timedelta(minutes=5))) == 300
    assert wait(Usage(100, timedelta(0))) is None
    assert wait(Usage(100)) == 60


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
