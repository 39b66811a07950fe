"""Asks a callback address as Meta's handshake would, and says what came.

Meta wants 200 with the bare challenge, over https with a valid certificate, and follows no redirect
(Meta, "Webhooks: getting started").
"""

import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

import httpx

from fbsync.http_client import http_client
from fbsync.webhook import CHECK_HEADER

SECONDS = 10.0
"""How long an answer may take. Meta gives up on a callback after some seconds."""

USER_AGENT = "Webhooks/1.0 (https://fb.me/webhooks)"
"""Meta's own, as seen in captures."""

_MAX_ANSWER_BYTES = 4096

Fault = Literal["unreachable", "certificate", "redirect", "refused", "status", "body"]


@dataclass(frozen=True)
class CallbackAnswer:
    """What came. `fault` is None for the bare challenge; `found` is a sentence about it."""

    fault: Fault | None
    found: str
    advice: str = ""


# OpenSSL's numbers for what is wrong with a certificate (x509_vfy.h).
_CERTIFICATE_FAULTS = {
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in a self-signed certificate that nobody knows",
    20: "its chain is incomplete, or its issuer is unknown",
    21: "its chain is incomplete, or its issuer is unknown",
    62: "it is for another host",
    64: "it is for another address",
}


def handshake_url(url: str, verify_token: str, challenge: str) -> str:
    """The address that Meta asks."""
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    return f"{url}?{urlencode(query)}"


def ask_callback(url: str, verify_token: str) -> CallbackAnswer:
    """One handshake with a challenge of our own. Raises SettingsError, see `http_client`."""
    challenge = str(secrets.randbelow(10**10))
    try:
        with (
            http_client(url, SECONDS) as client,
            client.stream(
                "GET",
                handshake_url(url, verify_token, challenge),
                headers={"User-Agent": USER_AGENT, CHECK_HEADER: "yes"},
            ) as answer,
        ):
            if answer.status_code != 200:
                return _judge_status(answer)
            return judge_body(_read(answer), challenge)
    except httpx.TimeoutException:
        return _no_answer()
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return _judge_failure(error, urlsplit(url).hostname or url)


def judge_body(body: bytes, challenge: str) -> CallbackAnswer:
    """A 200: is it the bare challenge?"""
    if body == challenge.encode():
        return CallbackAnswer(None, "it answered the challenge")
    text = body.decode(errors="replace").strip()
    if text == challenge:
        found = "it answered the challenge with blanks around it, not the bare challenge"
        return CallbackAnswer("body", found, "Send back the challenge and nothing else.")
    if text.strip('"') == challenge:
        found = "it answered the challenge in quotes, as JSON, not the bare challenge"
        return CallbackAnswer("body", found, "Send it back as text/plain, not as JSON.")
    if text[:200].lower().startswith(("<!doctype", "<html", "<head", "<body")):
        found = "it answered a web page, not the bare challenge"
        advice = "A proxy, a tunnel's notice or another program answers there, not fbsync listen."
        return CallbackAnswer("body", found, advice)
    found = f"it answered {'another text' if text else 'nothing'}, not the bare challenge"
    return CallbackAnswer("body", found, "Let the address lead to fbsync listen.")


def _read(answer: httpx.Response) -> bytes:
    deadline = time.monotonic() + SECONDS
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > _MAX_ANSWER_BYTES:
            break
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("The body takes too long.")
    return body


def _judge_status(answer: httpx.Response) -> CallbackAnswer:
    status = f"{answer.status_code} {answer.reason_phrase}".strip()
    if answer.is_redirect:
        to = answer.headers["Location"].partition("?")[0]  # the query holds the verify token
        found = f"it redirected ({status}) to {to}, and Meta does not follow redirects"
        return CallbackAnswer("redirect", found, "Set FACEBOOK_WEBHOOK_ADDRESS to the last one.")
    if answer.status_code == 403:
        advice = "Another FACEBOOK_VERIFY_TOKEN in the listener's environment, or a firewall."
        return CallbackAnswer("refused", f"it refused ({status})", advice)
    advice = (
        "The path must be /facebook/webhook, and the proxy or tunnel must lead to the listener."
    )
    return CallbackAnswer("status", f"it answered {status}", advice)


def _no_answer() -> CallbackAnswer:
    found = f"it did not answer within {SECONDS:.0f} seconds"
    return CallbackAnswer("unreachable", found, "Check the firewall, the tunnel and the proxy.")


def _judge_failure(error: Exception, host: str) -> CallbackAnswer:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = _CERTIFICATE_FAULTS.get(cause.verify_code, cause.verify_message)
            advice = "Meta takes only a certificate of a known authority, with its whole chain."
            found = f"its certificate is not valid: {why}"
            return CallbackAnswer("certificate", found, advice)
        if isinstance(cause, ssl.SSLError):
            found = "it speaks no TLS that we understand"
            return CallbackAnswer("certificate", found, "The port must serve https.")
        if isinstance(cause, socket.gaierror | UnicodeError):
            found, advice = f"the name {host} is not found", "Check the address and its DNS entry."
            return CallbackAnswer("unreachable", found, advice)
        if isinstance(cause, ConnectionRefusedError):
            found, advice = "the connection was refused", "Start fbsync listen, and its tunnel."
            return CallbackAnswer("unreachable", found, advice)
    found = f"no answer came ({type(error).__name__})"
    return CallbackAnswer("unreachable", found, "Check the address, the tunnel and the proxy.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
