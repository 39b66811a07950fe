"""Which known mistake makes a signature not fit: for the operator, as the request stays refused.

Meta signs the raw bytes, with non-ASCII characters escaped (Meta, "Webhooks: getting started").
Whatever decodes, trims or writes the JSON anew on the way breaks the signature.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping

from fbsync.webhook import SIGNATURE_256, SIGNATURE_SHA1

MAX_BODY_BYTES = 256 * 1024
INTERVAL_SECONDS = 10.0
"""Explaining costs many times a check, so only some requests get one."""

_ESCAPES = {"/": "\\/", "<": "\\u003C", "%": "\\u0025", "@": "\\u0040"}
_UNKNOWN = "signed with another app's secret, or changed by a proxy on the way"


class SignatureExplainer:
    """Explains at most one mismatch in INTERVAL_SECONDS."""

    def __init__(self, app_secret: str, now: Callable[[], float] = time.monotonic) -> None:
        self._app_secret = app_secret
        self._now = now
        self._next = 0.0

    def explain(self, body: bytes, headers: Mapping[str, str]) -> str | None:
        """The likely cause in a few words; None for an unsigned request, or when it is too soon."""
        given = headers.get(SIGNATURE_256) or headers.get(SIGNATURE_SHA1)
        if not given or self._now() < self._next or len(body) > MAX_BODY_BYTES:
            return None
        self._next = self._now() + INTERVAL_SECONDS
        try:
            return explain(body, headers, self._app_secret)
        except RecursionError:  # JSON that is nested too deep to be written anew
            return _UNKNOWN


def explain(body: bytes, headers: Mapping[str, str], app_secret: str) -> str:
    """The known mistake that makes this signature not fit these bytes."""
    given = headers.get(SIGNATURE_256) or headers.get(SIGNATURE_SHA1) or ""
    digest = given.rpartition("=")[2].lower()
    name = "sha1" if len(digest) == 40 else "sha256"
    if _fits(digest, name, body, app_secret):
        if (SIGNATURE_256 in headers) is (name == "sha256"):
            return f"the digest fits, but the header must read {name}= and lower-case hex"
        return "sha1 and sha256 are swapped between the two headers"
    for cause, variant in _variants(body):
        if variant != body and _fits(digest, name, variant, app_secret):
            return cause
    if headers.get("Content-Encoding"):
        return f"a proxy sends the body as {headers['Content-Encoding'][:20]}; Meta signs it plain"
    return _UNKNOWN


def _fits(digest: str, name: str, body: bytes, app_secret: str) -> bool:
    expected = hmac.new(app_secret.encode(), body, getattr(hashlib, name)).hexdigest()
    return hmac.compare_digest(digest.encode(), expected.encode())


def _variants(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What may have been signed instead of these bytes, and what then happened on the way."""
    trimmed = "a newline at the end was added or trimmed on the way"
    for variant in (body.rstrip(b"\r\n"), body + b"\n", body + b"\r\n"):
        yield trimmed, variant
    try:
        text = body.decode()
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    decoded = "the Unicode escapes of the body were decoded on the way, or before it was signed"
    yield decoded, _escaped(text).encode()
    yield (
        decoded,
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"),
    )
    rewritten = "the JSON was read and written anew on the way, or before it was signed"
    for separators in ((",", ":"), (", ", ": ")):
        for sort_keys in (False, True):
            for ascii_only in (True, False):
                again = json.dumps(
                    value, separators=separators, sort_keys=sort_keys, ensure_ascii=ascii_only
                )
                yield rewritten, again.encode(errors="replace")
    compact = json.dumps(value, separators=(",", ":"))
    yield rewritten, re.sub(r"[/<%@]", lambda found: _ESCAPES[found[0]], compact).encode()
    yield rewritten, json.dumps(value, indent=2).encode()


def _escaped(text: str) -> str:
    """The text with its non-ASCII characters as JSON's escapes, in lower-case hex."""
    return re.sub(r"[^\x00-\x7f]+", lambda found: json.dumps(found[0])[1:-1], text)
