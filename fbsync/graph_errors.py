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
from fbsync.graph_usage import Usage

_THROTTLES = frozenset({4, 17, 32, 341, 368, 613})
_MAX_MESSAGE_CHARACTERS = 300
_THROTTLED_SECONDS = 60.0  # to wait after a throttle that does not say how long
_UNKNOWN_USAGE = Usage()

# Meta repeats tokens in some messages ("Malformed access token EAA..."): user and page tokens,
# app tokens (id|secret), secrets and proofs.
_SECRET = re.compile(r"EAA[0-9A-Za-z_-]{4,}|\b\d{5,}\|\S+|\b[0-9a-fA-F]{32,}\b")

# "(#12) parking is deprecated for versions v26.0 and higher";
# "(#100) Tried accessing nonexisting field (colour) on node type (Page)".
_FIELD = re.compile(
    r"\(#12\) (\w+) is deprecated|nonexisting field \((\w+)\) on node type \(Page\)"
)

_ADVICE: dict[type[FbsyncError], str] = {
    GraphUnavailable: "This usually passes; try again in a minute.",
    RateLimited: "Wait before the next call; refused calls go on counting.",
    TokenRefused: "Run: fbsync login",
    PermissionMissing: "Grant the permission (FACEBOOK_SCOPES), then run: fbsync login",
    PageGone: "Check that the page still exists and that you still manage it.",
    CallRefused: "Check FACEBOOK_PAGE_FIELDS, FACEBOOK_WEBHOOK_FIELDS and FACEBOOK_GRAPH_VERSION.",
    FieldRefused: "Take it out of FACEBOOK_PAGE_FIELDS.",
    CallbackRefused: (
        "Start fbsync listen, make FACEBOOK_WEBHOOK_ADDRESS lead to it, and use the same"
        " FACEBOOK_VERIFY_TOKEN on both sides."
    ),
}


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
    refused = _FIELD.search(str(error.get("message", ""))) if code in (12, 100) else None
    if refused is not None:
        return FieldRefused(_message(FieldRefused, error), refused[1] or refused[2])
    kind = _kind(code, error)
    if kind is RateLimited:
        return RateLimited(_message(kind, error), retry_at=_retry_at(usage))
    return kind(_message(kind, error))


def hide_secrets(text: str) -> str:
    """The text with everything that looks like a token, a secret or a proof blotted out."""
    return _SECRET.sub("[hidden]", text)


def _kind(code: int, error: Mapping[str, object]) -> type[FbsyncError]:
    if code in _THROTTLES or 80000 <= code < 81000:
        return RateLimited
    if code in (102, 190):
        return TokenRefused
    if code in (3, 10) or 200 <= code <= 299:
        return PermissionMissing
    if code == 803 or (code == 100 and _integer(error.get("error_subcode")) == 33):
        return PageGone
    if code in (2200, 2201):
        return CallbackRefused
    if error.get("is_transient") is True or code in (1, 2):
        return GraphUnavailable
    return CallRefused


def _message(kind: type[FbsyncError], error: Mapping[str, object]) -> str:
    return f"Facebook says: {_describe(error)}\n{_ADVICE[kind]}"


def _retry_at(usage: Usage) -> datetime | None:
    """When calls are answered again; None where the headers say that it is now."""
    wait = timedelta(seconds=_THROTTLED_SECONDS) if usage.regain is None else usage.regain
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
