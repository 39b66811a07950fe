"""Signed requests: Meta's own are read, everything else is refused for the right reason."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest

from fbsync.errors import BadSignature, UnreadableDelivery
from fbsync.signed_request import MAX_CHARACTERS, SignedRequest, read_signed_request

SECRET = "secret"
ISSUED = datetime(2010, 12, 8, 19, 33, 20, tzinfo=UTC)
# Computed independently of this program, with the secret "secret".
VECTOR = (
    "yEczHpGTA9yrq48vqpVQejJZAns2xafkSG-bAY1CXnc."
    "eyJ1c2VyX2lkIjoiMjE4NDcxIiwiYWxnb3JpdGhtIjoiSE1BQy1TSEEyNTYiLCJpc3N1ZWRfYXQiOjEyOTE4MzY4MDB9"
)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PAYLOAD = {"user_id": "218471", "algorithm": "HMAC-SHA256", "issued_at": 1291836800}


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def signed(payload: str, secret: str = SECRET) -> str:
    """An encoded payload behind its signature."""
    digest = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    return f"{encoded(digest)}.{payload}"


def request(secret: str = SECRET, /, **changes: object) -> str:
    fields = {name: value for name, value in (PAYLOAD | changes).items() if value != "absent"}
    return signed(encoded(json.dumps(fields).encode()), secret)


def test_a_known_request_is_read() -> None:
    assert read_signed_request(VECTOR, SECRET, NOW) == SignedRequest("218471", ISSUED)


def test_the_end_of_the_persons_token_is_read_where_it_is_named() -> None:
    read = read_signed_request(request(expires=1291840400), SECRET, NOW)
    assert read.expires == datetime(2010, 12, 8, 20, 33, 20, tzinfo=UTC)
    assert read_signed_request(request(expires=0), SECRET, NOW).expires is None


@pytest.mark.parametrize(
    "change", [{"user_id": 218471}, {"algorithm": "hmac-sha256"}, {"new": [1]}, {"expires": "x"}]
)
def test_small_differences_do_no_harm(change: dict[str, object]) -> None:
    read = read_signed_request(request(**change), SECRET, NOW)
    assert (read.user_id, read.issued_at) == ("218471", ISSUED)


def test_padding_is_tolerated_on_both_sides() -> None:
    signature, _, _ = VECTOR.partition(".")
    padded = VECTOR.replace(signature, signature + "=")
    assert read_signed_request(padded, SECRET, NOW).user_id == "218471"
    payload = urlsafe_b64encode(json.dumps(PAYLOAD | {"a": 1}).encode()).decode()
    assert payload.endswith("=")
    assert read_signed_request(signed(payload), SECRET, NOW).user_id == "218471"


def test_the_signature_is_one_of_the_encoded_text_and_not_of_what_it_says() -> None:
    text = json.dumps(PAYLOAD)
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    with pytest.raises(BadSignature):
        read_signed_request(f"{encoded(digest)}.{encoded(text.encode())}", SECRET, NOW)


@pytest.mark.parametrize(
    "text",
    [
        request("another-secret"),
        VECTOR.replace("y", "z", 1),
        VECTOR[:-2] + "00",
        "." + VECTOR.partition(".")[2],
        "\u00e9." + VECTOR.partition(".")[2],
        VECTOR + ".more",
        VECTOR + "\u00e9",
        VECTOR + "\ud83d",
        "x.y",
        request(algorithm="none"),
        request(algorithm="absent"),
        request(algorithm=["HMAC-SHA256"]),
    ],
)
def test_what_is_not_signed_by_meta_for_this_app_is_refused(text: str) -> None:
    with pytest.raises(BadSignature):
        read_signed_request(text, SECRET, NOW)


@pytest.mark.parametrize("index", range(0, len(VECTOR), 7))
def test_one_changed_character_is_refused(index: int) -> None:
    changed = "A" if VECTOR[index] != "A" else "B"
    with pytest.raises((BadSignature, UnreadableDelivery)):
        read_signed_request(VECTOR[:index] + changed + VECTOR[index + 1 :], SECRET, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no dot at all",
        VECTOR.partition(".")[0] + ".",
        signed("%%%"),
        signed("A"),
        signed(encoded(b"no json")),
        signed(encoded(b"[1]")),
        signed(encoded(b"\xff\xfe")),
        signed(encoded(b"[" * 5000)),
        request(user_id="absent"),
        request(user_id=""),
        request(user_id=True),
        request(user_id="9" * 65),
        request(user_id="2 18471"),
        request(padding="x" * MAX_CHARACTERS),
    ],
)
def test_a_request_of_another_shape_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableDelivery):
        read_signed_request(text, SECRET, NOW)


@pytest.mark.parametrize("odd", ["absent", "1291836800", True, 0, 10**30])
def test_a_request_without_a_usable_time_counts_from_now(odd: object) -> None:
    assert read_signed_request(request(issued_at=odd), SECRET, NOW).issued_at == NOW


def test_no_error_repeats_the_secret_or_the_request() -> None:
    ours = "0123456789abcdef"
    for text in (request(), signed(encoded(b"[218471]"), ours)):
        with pytest.raises((BadSignature, UnreadableDelivery)) as caught:
            read_signed_request(text, ours, NOW)
        for secret in (ours, "218471", *text.split(".")):
            assert secret not in str(caught.value)
