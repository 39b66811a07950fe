"""The check of a callback (Meta, "Webhooks: getting started"), as part of a subscription's POST."""

import json
import secrets
import socket
import ssl
import sys
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from fbsync.sandbox.graph_error import GraphError, bad_parameter

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_SECONDS = 10.0
_MAX_ANSWER_BYTES = 4096
_SHOWN = 20  # characters of a wrong answer in the error's text


def check_callback(url: str, verify_token: str) -> None:
    """Ask the callback for the challenge.

    Raises GraphError, whose text names the cause: 2201 for a 200 with another body, else 2200.
    """
    check_address(url)
    challenge = str(secrets.randbelow(2_000_000_000))
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": challenge,
        "hub.verify_token": verify_token,
    }
    status, body = _ask(url, query)
    if status != 200:
        raise _failed(f"HTTP Status Code = {status}; HTTP Message = {_PHRASES.get(status, '')}")
    if body != challenge.encode():
        raise _mismatch(challenge, body)
    print("handshake: the callback answered the challenge", file=sys.stderr)


def check_address(url: str) -> None:
    """Meta wants https; a callback on this machine may do without. Raises GraphError."""
    try:
        parts = urlsplit(url)
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise bad_parameter("Param callback_url must be a valid URL") from None
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise bad_parameter("Param callback_url must be a valid URL")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise bad_parameter("Param callback_url must use https")


def _ask(url: str, query: dict[str, str]) -> tuple[int, bytes]:
    # The callback may have a query of its own.
    address = httpx.URL(url).copy_merge_params(query)
    try:
        with (
            httpx.Client(timeout=_SECONDS, trust_env=False) as client,
            client.stream("GET", address, headers={"User-Agent": "facebookplatform/1.0"}) as answer,
        ):
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER_BYTES:
                    break
            return answer.status_code, body
    except httpx.HTTPError as error:
        number, text = _curl_error(error)
        raise _failed(f"curl_errno = {number}; curl_error = {text}; HTTP Status Code = 0") from None


def _curl_error(error: httpx.HTTPError) -> tuple[int, str]:
    """curl's number and words for what went wrong (libcurl, "Error codes")."""
    if isinstance(error, httpx.TimeoutException):
        return 28, "Operation timed out"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return 60, f"SSL certificate problem: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return 35, "SSL connect error"
        if isinstance(cause, socket.gaierror):
            return 6, "Could not resolve host"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return 7, "Failed to connect to host"
    if isinstance(error, httpx.ReadError):
        return 56, "Recv failure: Connection reset by peer"
    return 52, "Empty reply from server"


def _mismatch(challenge: str, body: bytes) -> GraphError:
    """A 200 with another body, of which the text shows the beginning, escaped as Meta's JSON is."""
    received = body.decode("utf-8", "replace")
    shown = received[:_SHOWN] + ("..." if len(received) > _SHOWN else "")
    told = json.dumps(shown).replace("<", "\\u003C").replace("/", "\\/")
    print(f"handshake: failed: the answer is not the challenge: {told}", file=sys.stderr)
    return GraphError(
        f'(#2201) response does not match challenge, expected value="{challenge}", received={told}',
        2201,
    )


def _failed(cause: str) -> GraphError:
    print(f"handshake: failed: {cause}", file=sys.stderr)
    return GraphError(
        f"(#2200) Callback verification failed with the following errors: {cause}", 2200
    )
