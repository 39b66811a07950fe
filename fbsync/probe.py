"""`fbsync test-webhook`: what Meta would send, sent to a listener, and each answer judged."""

import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from fbsync.callback_check import USER_AGENT, ask_callback, handshake_url
from fbsync.checklist import Checklist, State
from fbsync.probe_cases import CASES, DEFAULT, TOO_LARGE, Delivery
from fbsync.settings.environment import LOOPBACK_HOSTS
from fbsync.webhook import CHECK_HEADER

_TIMEOUT_SECONDS = 15.0
_REFUSED = (400, 401, 403)  # Meta's own sample refuses a handshake with 400, most others with 403


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


def probe(target: Target, checklist: Checklist, names: Sequence[str] = DEFAULT) -> None:
    """Send these cases of `probe_cases` and judge each answer. Redirects are not followed."""
    with httpx.Client(
        timeout=_TIMEOUT_SECONDS, headers={"User-Agent": USER_AGENT}, trust_env=False
    ) as client:
        for name in names:
            try:
                verdict = _check(client, target, name)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                verdict = _bad(f"no answer ({type(error).__name__}); is the listener up?")
            checklist.add(name, *verdict)


_Verdict = tuple[State, str]


def _good(detail: str) -> _Verdict:
    return "done", detail


def _bad(detail: str) -> _Verdict:
    return "failed", detail


def _check(client: httpx.Client, target: Target, name: str) -> _Verdict:
    if name == "handshake":
        return _check_handshake(target)
    if name == "handshake-wrong-token":
        return _check_wrong_token(client, target)
    return _check_delivery(client, target, CASES[name](target.app_secret))


def _check_handshake(target: Target) -> _Verdict:
    answer = ask_callback(target.url, target.verify_token)
    if answer.fault is not None:
        return _bad(f"{answer.found}. {answer.advice}")
    return _good("challenge echoed")


def _check_wrong_token(client: httpx.Client, target: Target) -> _Verdict:
    url = handshake_url(target.url, secrets.token_hex(16), "1")
    answer = client.get(url, headers={CHECK_HEADER: "yes"})
    if answer.status_code not in _REFUSED:
        return _bad(_surprise(answer, 403))
    return _good(f"refused with {answer.status_code}")


def _check_delivery(client: httpx.Client, target: Target, delivery: Delivery) -> _Verdict:
    headers = {"Content-Type": "application/json", **delivery.headers}
    for _ in range(delivery.times):
        try:
            answer = client.post(target.url, content=delivery.body, headers=headers)
        except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            if delivery.expected != TOO_LARGE:
                raise
            return _good("cut off")  # while we were still sending, and rightly
        if answer.status_code != delivery.expected:
            return _bad(_surprise(answer, delivery.expected))
    return _good("accepted" if delivery.expected == 200 else f"refused with {delivery.expected}")


def _surprise(answer: httpx.Response, expected: int) -> str:
    hint = ""
    if answer.is_redirect:
        hint = "; Meta does not follow redirects"
    elif expected == 200 and answer.status_code == 401:
        hint = "; the listener has another FACEBOOK_APP_SECRET"
    elif expected == 200 and answer.status_code == 403:
        hint = "; the listener has another FACEBOOK_VERIFY_TOKEN"
    return f"expected {expected}, got {answer.status_code}{hint}"
