"""`fbsync test-webhook`: what Meta would send, sent to a listener, and each answer judged."""

import json
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import httpx

from fbsync import webhook
from fbsync.checklist import Checklist
from fbsync.environment import LOOPBACK_HOSTS

_TIMEOUT_SECONDS = 15.0
_USER_AGENT = "Webhooks/1.0 (https://fb.me/webhooks)"  # Meta's own, as seen in captures


@dataclass(frozen=True)
class Target:
    """The listener under test, and the two secrets that it should know."""

    url: str
    app_secret: str
    verify_token: str


def is_up(url: str) -> bool:
    """Whether anything accepts connections there."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except OSError:
        return False
    return True


def local_url(callback_url: str) -> str:
    """The listener on this machine: the callback itself where it is loopback, else the default."""
    if urlsplit(callback_url).hostname in LOOPBACK_HOSTS:
        return callback_url
    return "http://127.0.0.1:5000/facebook/webhook"


def probe(target: Target, checklist: Checklist) -> None:
    """Handshake right and wrong; an event signed, forged and unsigned. Redirects are not followed.

    The event carries the id that Meta's dashboard uses for its own tests, so the listener records
    it and no page is read.
    """
    with httpx.Client(
        timeout=_TIMEOUT_SECONDS, headers={"User-Agent": _USER_AGENT}, trust_env=False
    ) as client:
        _handshake(client, target, checklist)
        body = _sample_body()
        signed = webhook.sign(body, target.app_secret)
        forged = webhook.sign(body, secrets.token_hex(16))
        _event(client, target, checklist, "signed event", body, signed, 200)
        _event(client, target, checklist, "forged event", body, forged, 401)
        _event(client, target, checklist, "unsigned event", body, {}, 401)


_REFUSED = (400, 401)  # as good as 403: Meta's own sample refuses with 400


def _handshake(client: httpx.Client, target: Target, checklist: Checklist) -> None:
    challenge = str(secrets.randbelow(10**10))
    for name, token, expected in (
        ("handshake", target.verify_token, 200),
        ("handshake, wrong token", secrets.token_hex(16), 403),
    ):
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
        answer = _send(client, checklist, name, "GET", f"{target.url}?{urlencode(query)}")
        if answer is None:
            continue
        if expected == 200 and answer.status_code == 200 and answer.text != challenge:
            detail = "the answer is not the bare challenge, so Meta would refuse it"
            checklist.add(name, "failed", detail)
        elif answer.status_code == expected or (expected == 403 and answer.status_code in _REFUSED):
            what = "challenge echoed" if expected == 200 else f"refused with {answer.status_code}"
            checklist.add(name, "done", what)
        else:
            checklist.add(name, "failed", _surprise(answer, expected))


def _event(
    client: httpx.Client,
    target: Target,
    checklist: Checklist,
    name: str,
    body: bytes,
    signature: Mapping[str, str],
    expected: int,
) -> None:
    headers = {"Content-Type": "application/json", **signature}
    answer = _send(client, checklist, name, "POST", target.url, content=body, headers=headers)
    if answer is None:
        return
    if answer.status_code != expected:
        checklist.add(name, "failed", _surprise(answer, expected))
    else:
        checklist.add(name, "done", "accepted" if expected == 200 else f"refused with {expected}")


def _send(
    client: httpx.Client,
    checklist: Checklist,
    name: str,
    method: str,
    url: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response | None:
    try:
        return client.request(method, url, content=content, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        checklist.add(name, "failed", f"no answer ({type(error).__name__}); is the listener up?")
        return None


def _surprise(answer: httpx.Response, expected: int) -> str:
    hint = ""
    if answer.is_redirect:
        hint = "; Meta does not follow redirects"
    elif expected == 200 and answer.status_code == 401:
        hint = "; the listener has another FACEBOOK_APP_SECRET"
    elif expected == 200 and answer.status_code == 403:
        hint = "; the listener has another FACEBOOK_VERIFY_TOKEN"
    return f"expected {expected}, got {answer.status_code}{hint}"


def _sample_body() -> bytes:
    """Escaped as Meta escapes: non-ASCII characters as lowercase \\u sequences."""
    change = {"field": "name", "value": "Café fbsync ☕"}
    entry = {"id": webhook.DASHBOARD_TEST_ID, "time": int(time.time()), "changes": [change]}
    return json.dumps({"object": "page", "entry": [entry]}).encode()
