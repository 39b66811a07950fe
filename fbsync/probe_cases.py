"""The deliveries that `fbsync test-webhook` sends, and what a listener must answer to each.

All name the id "0", as Meta's dashboard does for its tests, so a listener reads no page for them;
`unknown-page` alone names a page that nobody has.
"""

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fbsync import webhook

MAX_UPDATES = 1000
"""Updates in one delivery (Meta, "Webhooks: getting started")."""

TOO_LARGE = 413
_OVERSIZE_BYTES = 5 * 1024 * 1024
_UNKNOWN_PAGE = "9" * 20
_ESCAPES = {"/": "\\/", "<": "\\u003C", "%": "\\u0025", "@": "\\u0040"}


@dataclass(frozen=True)
class Delivery:
    """One request body, its signature headers, and the status that it must get each time."""

    body: bytes
    headers: Mapping[str, str]
    expected: int
    times: int = 1


_Case = Callable[[str], Delivery]


def _good(entries: list[dict[str, object]], *, times: int = 1) -> _Case:
    return lambda secret: _signed(_body(entries), secret, 200, times)


def _signed(body: bytes, secret: str, expected: int, times: int = 1) -> Delivery:
    return Delivery(body, webhook.sign(body, secret), expected, times)


def _entry(
    page: str = webhook.DASHBOARD_TEST_ID, age_seconds: int = 0, **change: object
) -> dict[str, object]:
    changes = [{"field": "name", "value": "Bakery"} | change]
    return {"id": page, "time": int(time.time()) - age_seconds, "changes": changes}


def _body(entries: list[dict[str, object]], kind: str = "page") -> bytes:
    """Escaped as Meta escapes: non-ASCII characters, and four more."""
    # The number makes each delivery a new one, as a listener keeps equal ones once.
    value = {"object": kind, "entry": entries, "fbsync_test": secrets.token_hex(8)}
    text = json.dumps(value, separators=(",", ":"))
    return re.sub(r"[/<%@]", lambda found: _ESCAPES[found[0]], text).encode()


def _sha1_only(secret: str) -> Delivery:
    body = _body([_entry()])
    signature = webhook.sign(body, secret)[webhook.SIGNATURE_SHA1]
    return Delivery(body, {webhook.SIGNATURE_SHA1: signature}, 200)


def _forged(_: str) -> Delivery:
    headers = {webhook.SIGNATURE_256: f"sha256={secrets.token_hex(32)}"}
    return Delivery(_body([_entry()]), headers, 401)


def _altered(secret: str) -> Delivery:
    body = _body([_entry()])
    return Delivery(body.replace(b"Bakery", b"Bakerz"), webhook.sign(body, secret), 401)


def _no_value() -> dict[str, object]:
    return _entry() | {"changes": [{"field": "name"}]}


def _many_changes() -> dict[str, object]:
    return _entry() | {"changes": [{"field": "name", "value": str(n)} for n in range(MAX_UPDATES)]}


CASES: dict[str, _Case] = {
    "plain": _good([_entry(value="Café fbsync ☕")]),
    "escaped-unicode": _good([_entry(value="Café Łódź a/b <c> 5% d@e")]),
    "emoji": _good([_entry(value="☕ 🎉 👩‍🍳")]),
    "no-value": _good([_no_value()]),
    "many-entries": _good([_entry(value=str(number)) for number in range(50)]),
    "unknown-field": _good([_entry(field="never_heard_of")]),
    "unknown-page": _good([_entry(_UNKNOWN_PAGE)]),
    "duplicate": _good([_entry()], times=2),
    "stale-time": _good([_entry(age_seconds=36 * 3600)]),
    "1000-changes": _good([_many_changes()]),
    "dashboard-test": _good([_entry(value="Test value")]),
    "sha1-only": _sha1_only,
    "forged": _forged,
    "wrong-secret": lambda _: _signed(_body([_entry()]), secrets.token_hex(16), 401),
    "altered-byte": _altered,
    "no-signature": lambda _: Delivery(_body([_entry()]), {}, 401),
    "wrong-object": lambda secret: _signed(_body([_entry()], "user"), secret, 400),
    "malformed-json": lambda secret: _signed(_body([_entry()])[:-1], secret, 400),
    "oversize": lambda secret: _signed(b" " * _OVERSIZE_BYTES, secret, TOO_LARGE),
}
"""By name: given the app secret, the delivery."""

HANDSHAKES = ("handshake", "handshake-wrong-token")
DEFAULT = (*HANDSHAKES, "plain", "wrong-secret", "no-signature")
ALL = (*HANDSHAKES, *CASES)
