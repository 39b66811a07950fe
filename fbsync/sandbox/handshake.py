"""The check of a callback (Meta, "Webhooks: getting started"), as part of a subscription's POST."""

import secrets
import sys
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from fbsync.sandbox.graph_error import GraphError, bad_parameter

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_SECONDS = 10.0
_MAX_ANSWER_BYTES = 4096


def check_callback(url: str, verify_token: str) -> None:
    """Ask the callback for the challenge. Raises GraphError 2200, whose text names the cause."""
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
        raise _failed(
            "The answer is not the challenge as it was sent: HTTP Status Code = 200; HTTP Message"
            " = OK"
        )
    print("handshake: the callback answered the challenge", file=sys.stderr)


def check_address(url: str) -> None:
    """Meta wants https; a callback on this machine may do without. Raises GraphError."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as "http://["
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
    except httpx.TimeoutException:
        raise _failed("curl_errno = 28; HTTP Status Code = 0") from None
    except httpx.HTTPError:
        raise _failed("curl_errno = 7; HTTP Status Code = 0") from None


def _failed(cause: str) -> GraphError:
    print(f"handshake: failed: {cause}", file=sys.stderr)
    return GraphError(
        f"(#2200) Callback verification failed with the following errors: {cause}", 2200
    )
