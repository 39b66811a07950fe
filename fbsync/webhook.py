"""Meta's webhooks as plain functions on bytes: sign, verify, read a delivery, answer a challenge.

Rules are those of Meta's "Webhooks: getting started" unless said otherwise. No I/O.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType

from fbsync.errors import BadSignature, UnreadableDelivery
from fbsync.page import PageId, told_page_id

VerifiedBody = NewType("VerifiedBody", bytes)
"""Bytes whose signature was checked. Only `verify` makes them, so nothing else can be read."""

SIGNATURE_256 = "X-Hub-Signature-256"
SIGNATURE_SHA1 = "X-Hub-Signature"
_DIGESTS = {SIGNATURE_256: "sha256", SIGNATURE_SHA1: "sha1"}

DASHBOARD_TEST_ID = "0"
"""The id in the events of the dashboard's Test button: well-formed, but no page."""

MAX_PAGES = 10_000
"""In one delivery: Meta joins up to 1,000 updates. Far more would hold up all others."""

ID_CHARACTERS = 16
"""Of the body's SHA-256 in hex: 64 bits, so two of a million events are hardly ever alike."""

MAX_CHALLENGE_CHARACTERS = 1024
"""The challenge is sent back as it came, so its length is bounded. Meta's are ten digits."""

CHECK_HEADER = "X-Fbsync-Check"
"""Marks a handshake that fbsync itself sends, so that the listener does not count it as Meta's."""

HandshakeResult = Literal["answered", "wrong token", "wrong mode", "no challenge"]
"""How a handshake ended; all but the first were refused."""


@dataclass(frozen=True)
class Delivery:
    """One signed request of Meta's, kept as it came. `digest` is the body's SHA-256 in hex.

    `fault` says why no page could be read from it; it is then a dead letter, kept for a person.
    """

    digest: str
    body: VerifiedBody
    page_ids: tuple[PageId, ...]
    received_at: datetime
    fault: str | None = None

    @property
    def id(self) -> str:
        """Names it in logs and on the command line, the same for each copy that Meta sends."""
        return self.digest[:ID_CHARACTERS]


def sign(body: bytes, app_secret: str) -> dict[str, str]:
    """The two headers that Meta sends beside a body."""
    return {name: _signature(name, body, app_secret) for name in _DIGESTS}


def verify(body: bytes, headers: Mapping[str, str], app_secret: str) -> VerifiedBody:
    """The body, if Meta signed these very bytes with our app secret.

    X-Hub-Signature-256 decides wherever it is present, even if it is empty: falling back to SHA-1
    would let an attacker choose the weaker check. The older X-Hub-Signature counts only alone.
    `headers` must find names without regard to case. Raises BadSignature.
    """
    name = SIGNATURE_256 if SIGNATURE_256 in headers else SIGNATURE_SHA1
    given = headers.get(name)
    if given is None:
        raise BadSignature("The request carries no signature header.")
    expected = _signature(name, body, app_secret)
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise BadSignature(f"{name} does not fit the body: another app's secret, or other bytes.")
    return VerifiedBody(body)


def read_delivery(body: VerifiedBody, received_at: datetime) -> Delivery:
    """The envelope of a delivery: which pages it is about. Values inside are never acted on.

    Meta signed it and sends it again until it is taken, so what cannot be read here is kept too,
    with its `fault`: JSON nested deeper than Python reads, and a delivery for pages that names
    none, or more than MAX_PAGES. Entries without a usable page id are kept with the body. Raises
    UnreadableDelivery for what is not JSON, or not for pages.
    """
    try:
        payload = _parse(body)
    except RecursionError:
        return _delivery(body, received_at, (), "It is nested too deeply to be read.")
    except ValueError:
        raise UnreadableDelivery("The body is not JSON.") from None
    if not isinstance(payload, dict) or payload.get("object") != "page":
        raise UnreadableDelivery("The delivery is not about pages: its object is not 'page'.")
    named = _page_ids(payload.get("entry"))
    pages = tuple(page for page in dict.fromkeys(named) if page != DASHBOARD_TEST_ID)
    if len(pages) > MAX_PAGES:
        return _delivery(body, received_at, (), f"It names {len(pages)} pages, which is too many.")
    return _delivery(body, received_at, pages, None if named else "No entry of it names a page.")


def _parse(body: bytes) -> object:
    """The JSON of a body. Raises ValueError for anything else, and RecursionError."""
    try:
        return json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:
        # A number of more digits than Python converts (4,300), which is JSON all the same.
        return json.loads(body, parse_int=str)


def _delivery(
    body: VerifiedBody, received_at: datetime, pages: tuple[PageId, ...], fault: str | None
) -> Delivery:
    return Delivery(hashlib.sha256(body).hexdigest(), body, pages, received_at, fault)


def answer_challenge(query: Mapping[str, str], verify_token: str) -> tuple[str, HandshakeResult]:
    """The text to send back to Meta's handshake, unchanged, and how the handshake ended.

    The text is empty where it must be refused.
    """
    challenge = query.get("hub.challenge", "")
    if not _same_text(query.get("hub.verify_token", ""), verify_token):
        return "", "wrong token"
    if not _same_text(query.get("hub.mode", ""), "subscribe"):
        return "", "wrong mode"
    if not 0 < len(challenge) <= MAX_CHALLENGE_CHARACTERS:
        return "", "no challenge"
    return challenge, "answered"


def _same_text(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _page_ids(entries: object) -> list[PageId]:
    """The usable ids in order, the dashboard's test id among them."""
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            found.append(told_page_id(entry.get("id") if isinstance(entry, dict) else None))
        except ValueError:
            continue
    return found


def _signature(name: str, body: bytes, app_secret: str) -> str:
    digest = _DIGESTS[name]
    return f"{digest}={hmac.digest(app_secret.encode(), body, digest).hex()}"
