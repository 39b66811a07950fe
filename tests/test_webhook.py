"""Signed deliveries and the handshake, on recorded bytes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from fbsync.errors import BadSignature, UnreadableDelivery
from fbsync.webhook import (
    MAX_CHALLENGE_CHARACTERS,
    MAX_PAGES,
    SIGNATURE_256,
    SIGNATURE_SHA1,
    VerifiedBody,
    answer_challenge,
    read_delivery,
    sign,
    verify,
)

SAMPLES = Path(__file__).parent / "samples"
BODY = (SAMPLES / "delivery_dashboard_test.json").read_bytes()
# Computed independently of this program, with the secret "secret" over the 105 bytes of BODY.
SHA256 = "sha256=31cd9006a5f3906cd4caf2828b143698136e592ed5a83cae8776cde303d6b4f8"
SHA1 = "sha1=62ee44e9df882125373d45862e1f85a73a175799"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def read(body: bytes) -> tuple[str, ...]:
    return read_delivery(VerifiedBody(body), NOW).page_ids


def test_signatures_are_those_of_the_independent_vector() -> None:
    assert len(BODY) == 105
    assert sign(BODY, "secret") == {SIGNATURE_256: SHA256, SIGNATURE_SHA1: SHA1}


@pytest.mark.parametrize(
    "headers",
    [
        {SIGNATURE_256: SHA256, SIGNATURE_SHA1: SHA1},
        {SIGNATURE_256: SHA256},
        {SIGNATURE_SHA1: SHA1},
        {"x-hub-signature-256": SHA256},
        {SIGNATURE_256: SHA256, SIGNATURE_SHA1: "sha1=wrong"},
    ],
)
def test_a_signed_body_is_verified(headers: dict[str, str]) -> None:
    assert verify(BODY, Headers(headers), "secret") == BODY


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SIGNATURE_256: ""},
        {SIGNATURE_256: SHA1},
        {SIGNATURE_256: SHA256.upper()},
        {SIGNATURE_256: SHA256[:-1]},
        {SIGNATURE_256: "sha256=é"},
        {SIGNATURE_SHA1: SHA256},
        {SIGNATURE_SHA1: SHA1[:-1] + "0"},
    ],
)
def test_anything_else_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        verify(BODY, Headers(headers), "secret")


def test_a_wrong_sha256_is_never_saved_by_a_right_sha1() -> None:
    with pytest.raises(BadSignature):
        verify(BODY, Headers({SIGNATURE_256: "sha256=0", SIGNATURE_SHA1: SHA1}), "secret")


def test_one_changed_byte_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify(BODY.replace(b"17", b"18"), Headers({SIGNATURE_256: SHA256}), "secret")


def test_decoded_unicode_is_other_bytes_and_refused() -> None:
    decoded = BODY.decode("unicode_escape").encode()
    with pytest.raises(BadSignature):
        verify(decoded, Headers({SIGNATURE_256: SHA256}), "secret")


def test_the_message_of_a_refusal_holds_neither_secret_nor_signature() -> None:
    with pytest.raises(BadSignature) as caught:
        verify(BODY, Headers({SIGNATURE_256: "sha256=0"}), "top-secret")
    assert "top-secret" not in str(caught.value)
    assert "sha256=" not in str(caught.value)


def test_a_delivery_names_each_of_its_pages_once() -> None:
    delivery = read_delivery(
        VerifiedBody((SAMPLES / "delivery_many_entries.json").read_bytes()), NOW
    )
    assert delivery.page_ids == ("1001", "1002")
    assert delivery.received_at == NOW
    assert len(delivery.digest) == 64


def test_the_dashboards_test_event_names_no_page() -> None:
    assert read(BODY) == ()


@pytest.mark.parametrize(
    ("entry", "pages"),
    [
        ('[{"id":1001}]', ("1001",)),
        ('[{"id":true},{"id":null},{"id":"x"},{"id":"../1"},{},[],3]', ()),
        ('{"id":"1001"}', ()),
        ("null", ()),
        ('[{"id":"1001","new_shape":{"deep":[1]}}]', ("1001",)),
    ],
)
def test_new_shapes_are_kept_and_name_the_pages_that_can_be_read(
    entry: str, pages: tuple[str, ...]
) -> None:
    assert read(f'{{"object":"page","entry":{entry}}}'.encode()) == pages


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"\xff\xfe\xfa",
        b"[]",
        b"null",
        b'{"entry":[]}',
        b'{"object":"user","entry":[]}',
        b'{"object":["page"]}',
        b'{"object":"page","entry":[{"id":"1"}]',
        b'{"object":"page","entry":' + b"9" * 5000,
        b'{"object":"user","entry":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_delivery_for_pages_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableDelivery):
        read(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"object":"page","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"object":"page","entry":' + b"9" * 5000 + b"}",
        b'{"object":"page","entry":[{"id":' + b"9" * 5000 + b"}]}",
        b'{"object":"page"}',
        b'{"object":"page","entry":[]}',
        b'{"object":"page","entry":{"id":"1001"}}',
        b'{"object":"page","entry":[{"id":true},{"id":"../1"},{},3]}',
    ],
)
def test_a_signed_body_that_names_no_readable_page_is_kept_as_a_dead_letter(body: bytes) -> None:
    delivery = read_delivery(VerifiedBody(body), NOW)
    assert delivery.fault
    assert (delivery.page_ids, delivery.body) == ((), body)


@pytest.mark.parametrize("more", ["", ',{"id":"no page"}', ',{"id":0}'])
def test_a_test_of_the_dashboard_is_no_dead_letter(more: str) -> None:
    delivery = read_delivery(
        VerifiedBody(f'{{"object":"page","entry":[{{"id":"0"}}{more}]}}'.encode()), NOW
    )
    assert (delivery.fault, delivery.page_ids) == (None, ())


@pytest.mark.parametrize(("count", "is_dead"), [(MAX_PAGES, False), (MAX_PAGES + 1, True)])
def test_one_that_names_far_more_pages_than_meta_joins_is_a_dead_letter(
    count: int, is_dead: bool
) -> None:
    entries = ",".join(f'{{"id":"{number + 1}"}}' for number in range(count))
    body = f'{{"object":"page","entry":[{entries}]}}'.encode()
    delivery = read_delivery(VerifiedBody(body), NOW)
    assert (delivery.fault is not None) is is_dead
    assert len(delivery.page_ids) == (0 if is_dead else count)


def test_a_number_that_python_cannot_convert_hides_no_page() -> None:
    entries = b'[{"id":1001,"time":' + b"9" * 5000 + b'},{"id":"0"}]'
    delivery = read_delivery(VerifiedBody(b'{"object":"page","entry":' + entries + b"}"), NOW)
    assert (delivery.fault, delivery.page_ids) == (None, ("1001",))


def challenge(**changed: str) -> dict[str, str]:
    query = {"mode": "subscribe", "challenge": "1158201444", "verify_token": "tökén"} | changed
    return {f"hub.{name}": value for name, value in query.items()}


@pytest.mark.parametrize("text", ["1158201444", "<b>x</b>", "x" * MAX_CHALLENGE_CHARACTERS])
def test_the_right_token_gets_the_challenge_back_unchanged(text: str) -> None:
    assert answer_challenge(challenge(challenge=text), "tökén") == (text, "answered")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({}, "wrong token"),
        (challenge(verify_token="wrong"), "wrong token"),
        (challenge(verify_token=""), "wrong token"),
        (challenge(verify_token="\ud800"), "wrong token"),
        (challenge(mode="unsubscribe"), "wrong mode"),
        (challenge(challenge=""), "no challenge"),
        (challenge(challenge="x" * (MAX_CHALLENGE_CHARACTERS + 1)), "no challenge"),
    ],
)
def test_any_other_handshake_is_refused(query: dict[str, str], why: str) -> None:
    assert answer_challenge(query, "tökén") == ("", why)
