"""What each error of the Graph API means for us. Decided by code and subcode, never by HTTP status.

Codes and meanings: Meta, "Handle errors" and "Rate limits".
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

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
from fbsync.graph.usage import Usage

_THROTTLES = frozenset({4, 17, 32, 341, 368, 613})
_APP_THROTTLES = frozenset({4, 341})
_FINAL = frozenset({12, 15, 100, 101, 506, 2500, 2635})  # whatever the HTTP status
_MAX_MESSAGE_CHARACTERS = 300
_THROTTLED_SECONDS = 60.0  # to wait after a throttle that does not say how long
_BLOCKED_SECONDS = 3600.0  # the same after a block for breaking a policy
_UNKNOWN_USAGE = Usage()

# Meta repeats tokens in some messages ("Malformed access token EAA..."): user and page tokens,
# app tokens (id|secret), secrets and proofs.
_SECRET = re.compile(r"EAA[0-9A-Za-z_-]{4,}|\b\d{5,}\|\S+|\b[0-9a-fA-F]{32,}\b")

# "(#12) parking field is deprecated for versions v26.0 and higher";
# "(#100) Tried accessing nonexisting field (colour) on node type (Page)".
_FIELD = re.compile(
    r"\(#12\) (\w+)(?: field)? is deprecated|nonexisting field \((\w+)\) on node type \(Page\)"
)

_ADVICE: dict[type[FbsyncError], str] = {
    GraphUnavailable: "This usually passes; try again in a minute.",
    RateLimited: "Wait before the next call; refused calls go on counting.",
    TokenRefused: "Run: fbsync login",
    PermissionMissing: (
        "Name the permission in FACEBOOK_SCOPES and grant it: fbsync login --rerequest"
    ),
    PageGone: "Check that the page still exists and that you still manage it.",
    CallRefused: "Check FACEBOOK_PAGE_FIELDS, FACEBOOK_WEBHOOK_FIELDS and FACEBOOK_GRAPH_VERSION.",
    FieldRefused: "Take it out of FACEBOOK_PAGE_FIELDS.",
    CallbackRefused: (
        "Start fbsync listen, make FACEBOOK_WEBHOOK_ADDRESS lead to it, and use the same"
        " FACEBOOK_VERIFY_TOKEN on both sides."
    ),
}

_CHECKPOINT = "That person must open facebook.com and confirm the account; then: fbsync login"
_REMEDIES: dict[tuple[int, int], str] = {
    (190, 458): "That person removed the app. Run: fbsync login",
    (190, 459): _CHECKPOINT,
    (190, 460): "That person changed the password. Run: fbsync login",
    (190, 463): "The token has expired. Run: fbsync login",
    (190, 464): _CHECKPOINT,
    (
        190,
        492,
    ): "That person lost the role on the page; another admin must run: fbsync login",
    (100, 36008): "FACEBOOK_REDIRECT_URI must be the same in the whole login. Run: fbsync login",
    (100, 36009): "A login code works once. Run: fbsync login",
    (368, 0): "Facebook blocks this for breaking a policy; see the alerts in the app's dashboard.",
    (15, 0): "This call needs the app's own token: check FACEBOOK_APP_ID and FACEBOOK_APP_SECRET.",
    (101, 0): "Check FACEBOOK_APP_ID.",
    (2635, 0): "Set FACEBOOK_GRAPH_VERSION to a newer version.",
}
"""By code and subcode, 0 for none, where there is more to say than the class does."""

_TEXTS: tuple[tuple[int, str, type[FbsyncError], str], ...] = (
    (100, "appsecret_proof", CallRefused, "FACEBOOK_APP_SECRET is not the secret of this app."),
    (1, "client secret", CallRefused, "FACEBOOK_APP_SECRET is not the secret of this app."),
    (100, "missing permission or", PermissionMissing, _ADVICE[PermissionMissing]),
)
"""Codes that stand for several things, told apart by a part of Meta's text: class and remedy."""


def error_from(answer: object, status: int, usage: Usage = _UNKNOWN_USAGE) -> FbsyncError:
    """The exception for an answer that is not a success.

    `answer` is the decoded body, or None where it was not JSON: a proxy's page or an empty body,
    which passes. `status` is the HTTP status. `usage` is what the headers told: a throttle's
    `retry_at` comes from it.
    """
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if not isinstance(error, Mapping):
        return GraphUnavailable(
            f"Facebook answered HTTP {status} without an error body.\n{_ADVICE[GraphUnavailable]}"
        )
    code = _integer(error.get("code"))
    if error.get("is_transient") is True and not _is_throttle(code):
        # Meta's word that the same call may do better, whatever the code says else.
        return GraphUnavailable(f"Facebook says: {_describe(error)}\n{_ADVICE[GraphUnavailable]}")
    refused = _FIELD.search(str(error.get("message", ""))) if code in (12, 100) else None
    if refused is not None:
        message = f"Facebook says: {_describe(error)}\n{_ADVICE[FieldRefused]}"
        return FieldRefused(message, refused[1] or refused[2])
    kind, remedy = _meaning(code, status, error)
    message = f"Facebook says: {_describe(error)}\n{remedy}"
    if kind is RateLimited:
        return RateLimited(message, retry_at=_retry_at(code, usage), of_app=code in _APP_THROTTLES)
    return kind(message)


def hide_secrets(text: str) -> str:
    """The text with everything that looks like a token, a secret or a proof blotted out."""
    return _SECRET.sub("[hidden]", text)


def _meaning(code: int, status: int, error: Mapping[str, object]) -> tuple[type[FbsyncError], str]:
    """The class of an error, and what to do about it."""
    subcode = _integer(error.get("error_subcode"))
    for of_code, text, meant, remedy in _TEXTS:
        if code == of_code and not subcode and text in str(error.get("message", "")):
            return meant, remedy
    is_final = code in _FINAL or status < 500
    kind = _kind(code, error) or (CallRefused if is_final else GraphUnavailable)
    return kind, _REMEDIES.get((code, subcode), _ADVICE[kind])


def _kind(code: int, error: Mapping[str, object]) -> type[FbsyncError] | None:
    """None for a code that has no class of its own."""
    if _is_throttle(code):
        return RateLimited
    if code in (102, 190):
        return TokenRefused
    if code in (3, 10) or 200 <= code <= 299:
        return PermissionMissing
    if code == 803 or (code == 100 and _integer(error.get("error_subcode")) == 33):
        return PageGone
    if code in (2200, 2201):
        return CallbackRefused
    if code in (1, 2):
        return GraphUnavailable
    return None


def _is_throttle(code: int) -> bool:
    return code in _THROTTLES or _is_business_throttle(code)


def _is_business_throttle(code: int) -> bool:
    """Of one page, or of another business object."""
    return 80000 <= code < 81000


def _retry_at(code: int, usage: Usage) -> datetime | None:
    """When calls are answered again; None where the headers say that it is now.

    Their minutes are those of business objects alone; for other limits no time is told.
    """
    seconds = _BLOCKED_SECONDS if code == 368 else _THROTTLED_SECONDS
    wait = timedelta(seconds=seconds)
    if _is_business_throttle(code) and usage.regain is not None:
        wait = usage.regain
    return datetime.now(UTC) + wait if wait else None


def _describe(error: Mapping[str, object]) -> str:
    message = hide_secrets(str(error.get("message", "no message"))).replace("\0", "")
    if len(message) > _MAX_MESSAGE_CHARACTERS:
        message = message[:_MAX_MESSAGE_CHARACTERS] + "…"
    parts = [f"code {error.get('code')}"]
    if error.get("error_subcode"):
        parts.append(f"subcode {error['error_subcode']}")
    if error.get("fbtrace_id"):
        parts.append(f"trace {error['fbtrace_id']}")
    return f"{message} ({', '.join(parts)})"


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
