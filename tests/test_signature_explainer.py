"""Each known mistake with a signature is named; none makes a request good."""

import hashlib
import hmac
import json

import httpx
import pytest

from fbsync import webhook
from fbsync.errors import BadSignature
from fbsync.listening.signature_explainer import (
    INTERVAL_SECONDS,
    MAX_BODY_BYTES,
    SignatureExplainer,
    explain,
)

SECRET = "secret"
# As Meta sends it: escaped, compact, in an order of its own.
SENT = rb'{"object":"page","entry":[{"time":1,"id":"1","changes":[{"value":"Caf\u00e9 \u2615"}]}]}'
VALUE = json.loads(SENT)


def digest(body: bytes, name: str = "sha256", secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, name).hexdigest()


def sha256(body: bytes, secret: str = SECRET) -> httpx.Headers:
    return httpx.Headers({"X-Hub-Signature-256": f"sha256={digest(body, secret=secret)}"})


REWRITTEN = "read and written anew"
DECODED = "escapes of the body were decoded"


@pytest.mark.parametrize(
    ("arrived", "cause"),
    [
        (SENT + b"\n", "newline"),
        (json.dumps(VALUE).encode(), REWRITTEN),
        (json.dumps(VALUE, indent=2).encode(), REWRITTEN),
        (SENT.decode().replace("\\u00e9", "é").replace("\\u2615", "☕").encode(), DECODED),
        (json.dumps(VALUE, ensure_ascii=False).encode(), REWRITTEN),
        (SENT.replace(b"page", b"user"), "another app's secret, or changed by a proxy"),
        (b"{", "another app's secret, or changed by a proxy"),
    ],
)
def test_what_happened_on_the_way_is_named(arrived: bytes, cause: str) -> None:
    headers = sha256(SENT)
    assert cause in explain(arrived, headers, SECRET)
    with pytest.raises(BadSignature):
        webhook.verify(arrived, headers, SECRET)


@pytest.mark.parametrize(
    ("signed", "cause"),
    [
        (SENT + b"\n", "newline"),
        (SENT + b"\r\n", "newline"),
        (json.dumps(VALUE).encode(), REWRITTEN),
        (json.dumps(VALUE, sort_keys=True, separators=(",", ":")).encode(), REWRITTEN),
        (json.dumps(VALUE, indent=2).encode(), REWRITTEN),
        (json.dumps(VALUE, ensure_ascii=False, separators=(",", ":")).encode(), DECODED),
    ],
)
def test_what_was_signed_instead_is_named(signed: bytes, cause: str) -> None:
    assert cause in explain(SENT, sha256(signed), SECRET)


def test_another_apps_secret_is_the_likely_rest() -> None:
    assert "another app's secret" in explain(SENT, sha256(SENT, "other"), SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": f"sha1={digest(SENT, 'sha1')}"},
        {"X-Hub-Signature": f"sha256={digest(SENT)}"},
    ],
)
def test_swapped_digests_are_named(headers: dict[str, str]) -> None:
    assert "swapped" in explain(SENT, httpx.Headers(headers), SECRET)
    with pytest.raises(BadSignature):
        webhook.verify(SENT, httpx.Headers(headers), SECRET)


@pytest.mark.parametrize("given", [digest(SENT), f"sha256={digest(SENT).upper()}"])
def test_a_digest_in_another_form_is_named(given: str) -> None:
    headers = httpx.Headers({"X-Hub-Signature-256": given})
    assert "must read sha256=" in explain(SENT, headers, SECRET)


def test_a_compressing_proxy_is_named() -> None:
    headers = sha256(SENT)
    headers["Content-Encoding"] = "gzip"
    assert "gzip" in explain(b"\x1f\x8b", headers, SECRET)


def test_meta_style_escapes_are_known() -> None:
    value = {"object": "page", "link": "https://x/<%@>"}
    sent = rb'{"object":"page","link":"https:\/\/x\/\u003C\u0025\u0040>"}'
    assert json.loads(sent) == value
    assert REWRITTEN in explain(json.dumps(value).encode(), sha256(sent), SECRET)


def test_only_some_mismatches_are_explained() -> None:
    now = [1000.0]
    explainer = SignatureExplainer(SECRET, lambda: now[0])
    headers = sha256(SENT, "other")
    assert explainer.explain(SENT, headers)
    assert explainer.explain(SENT, headers) is None
    now[0] += INTERVAL_SECONDS
    assert explainer.explain(SENT, headers)


def test_unsigned_and_very_long_requests_are_not_explained() -> None:
    explainer = SignatureExplainer(SECRET)
    assert explainer.explain(SENT, httpx.Headers()) is None
    assert explainer.explain(b" " * (MAX_BODY_BYTES + 1), sha256(SENT)) is None
    assert explainer.explain(SENT, sha256(b"")), "the others must not use up its turn"


@pytest.mark.parametrize("depth", [900, 5000, 100_000])
def test_deeply_nested_json_does_no_harm(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    told = SignatureExplainer(SECRET).explain(body, sha256(SENT))
    assert told is not None
    assert "another app's secret" in told


def test_the_explanation_holds_neither_secret_nor_digest() -> None:
    text = explain(SENT, sha256(SENT, "other"), "a-very-secret-secret")
    assert "a-very-secret" not in text
    assert digest(SENT) not in text
    assert hashlib.sha256(SENT).hexdigest() not in text
