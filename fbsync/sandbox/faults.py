"""Faults that a tester asks for: what the next calls get instead of an answer.

The meaning stands beside each; `fbsync sandbox --help` and `GET /_sandbox` print it. Codes and
texts: Meta, "Handle errors" and "Rate limits"; captures of its users where those give no text.
"""

from dataclasses import dataclass, field
from typing import Any

from fbsync.sandbox.answer import NO_JSON, Answer
from fbsync.sandbox.graph_error import (
    GraphError,
    app_limit_reached,
    page_limit_reached,
    service_down,
    unknown_field,
    unknown_object,
)
from fbsync.sandbox.tokens import session_ended
from fbsync.sandbox.usage import app_headers, page_headers
from fbsync.sandbox.world import Fault

BATCH = "batch"
"""The path of a batch request itself; of the faults, only those that name it meet it."""


@dataclass(frozen=True)
class NamedFault:
    """`error` is the Graph API's; without one the body is `plain`, which is no JSON."""

    meaning: str
    error: GraphError | None = None
    status: int = 502
    plain: str = NO_JSON
    headers: dict[str, str] = field(default_factory=dict)


def _session(subcode: int, meaning: str) -> NamedFault:
    return NamedFault(meaning, session_ended(subcode))


def _error(meaning: str, text: str, code: int, status: int = 400, **more: Any) -> NamedFault:
    return NamedFault(meaning, GraphError(text, code, status, **more))


NAMED: dict[str, NamedFault] = {
    "throttle": NamedFault("the app's limit, with X-App-Usage at 100", app_limit_reached()),
    "page-throttle": NamedFault(
        "the page's limit, with `minutes` (1) to regain access", page_limit_reached()
    ),
    "user-throttle": _error("the person's limit", "(#17) User request limit reached", 17),
    "page-requests": _error(
        "the page's limit for user tokens", "(#32) Page request limit reached", 32
    ),
    "app-paused": _error("the app's limit for a time", "(#341) Feed action request limit", 341),
    "calls-per-time": _error(
        "too uneven a volume",
        "(#613) Calls to this api have exceeded the rate limit.",
        613,
        subcode=1996,
    ),
    "unknown": _error("error 1, may pass", "An unknown error occurred", 1, 500),
    "transient": NamedFault("error 2, passes", service_down()),
    "null": NamedFault("a batch item is null (not finished in time); a call gets html-502"),
    "html-502": NamedFault("a proxy's page instead of JSON"),
    "empty-502": NamedFault("no body at all", plain=""),
    "broken-json": NamedFault("status 200 and half a JSON", status=200, plain='{"data": ['),
    "redirect": NamedFault(
        "a redirect to `https://example.com/`",
        status=302,
        headers={"location": "https://example.com/"},
    ),
    "slow": NamedFault("the right answer, `seconds` (5) later", status=0),
    "token-expired": _session(463, "190/463: the session is over"),
    "password-changed": _session(460, "190/460: ended by the person's new password"),
    "app-removed": _session(458, "190/458: the person removed the app"),
    "checkpoint": _session(459, "190/459: the person must visit Facebook first"),
    "unconfirmed": _session(464, "190/464: the person's account is not confirmed"),
    "token-invalid": _session(467, "190/467: ended for any reason"),
    "role-lost": _session(492, "190/492: the person has no role on the page any more"),
    "session-key": _error("an old kind of ended session", "Session key invalid", 102),
    "capability": _error(
        "the app may not do this",
        "(#3) Application does not have the capability to make this API call.",
        3,
    ),
    "permission-removed": _error(
        "a permission is gone",
        "(#10) Application does not have permission for this action",
        10,
        403,
    ),
    "permission": _error("a permission is missing", "(#200) Permissions error", 200, 403),
    "not-visible": _error("the page is not visible", "(#210) User not visible", 210, 403),
    "blocked": _error(
        "blocked for policy",
        "The action attempted has been deemed abusive or is otherwise disallowed",
        368,
    ),
    "gone": NamedFault("100/33: no such object, or not for this token", unknown_object("0")),
    "some-gone": _error("some ids are gone", "(#803) Some of the aliases do not exist", 803, 404),
    "retired-field": _error(
        "code 12 for `field` (about)",
        "(#12) {field} field is deprecated for versions v26.0 and higher",
        12,
    ),
    "unknown-field": NamedFault("code 100 for `field` (about)", unknown_field("{field}", "Page")),
    "bad-parameter": _error("code 100 without a field", "(#100) Invalid parameter", 100),
    "old-version": _error(
        "of the Marketing API", "(#2635) You are calling a deprecated version", 2635
    ),
    "duplicate": _error("the same post twice", "(#506) Duplicate status message", 506),
}


def described() -> list[dict[str, Any]]:
    """Name, status, code and meaning of each, for the help."""
    return [
        {
            "name": name,
            "status": fault.error.status if fault.error else fault.status or 200,
            "code": fault.error.code if fault.error else None,
            "meaning": fault.meaning,
        }
        for name, fault in NAMED.items()
    ]


def named_fault(name: str, path: str, times: int, details: dict[str, Any]) -> Fault:
    """A documented fault. Raises KeyError for a name that is none."""
    named = NAMED[name]
    fault = Fault(path, times, named.status, None, name=name, plain=named.plain)
    fault.headers = dict(named.headers)
    if named.error:
        fault.status = named.error.status
        fault.error = dict(named.error.body()["error"])
        del fault.error["fbtrace_id"]  # each answer has its own
        text = str(fault.error["message"])
        fault.error["message"] = text.replace("{field}", str(details.get("field", "about")))
    if name == "throttle":
        fault.headers = app_headers(100)
    fault.seconds = float(details.get("seconds", 5.0)) if name == "slow" else 0.0
    fault.minutes = int(details.get("minutes", 1))
    return fault


def fault_answer(fault: Fault, path: tuple[str, ...], headers: dict[str, str]) -> Answer:
    """What a call to this path gets; not for `slow`, which only waits."""
    headers = headers | fault.headers
    if fault.name == "page-throttle":
        headers |= page_headers(path[0] if path else "0", 100, fault.minutes)
    if fault.error is None:
        is_null = fault.name in ("", "null")
        plain = NO_JSON if fault.plain is None else fault.plain
        return Answer(fault.status, None, headers, plain, is_null)
    fresh = GraphError("", 0).body()["error"]
    return Answer(fault.status, {"error": fresh | fault.error}, headers)
