"""Access tokens and proofs: made, read and checked.

A token names its login (and page) and carries a keyed digest, so that none needs to be kept.
"""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass

from fbsync.sandbox.call import read_number
from fbsync.sandbox.graph_error import GraphError, no_token, unreadable_token
from fbsync.sandbox.world import Login, World

_PROOF_SECONDS = 300
_SHAPE = re.compile(r"EAA([UP])([0-9]{1,12})x([0-9]{0,32})x([0-9a-f]{64})")

# Meta, "Handle errors": what ended the session.
_ENDINGS = {
    458: "The user has not authorized application.",
    459: "The user is enrolled in a blocking, logged-in checkpoint.",
    460: "The session has been invalidated because the user changed their password.",
    463: "Session has expired.",
    464: "The session is for an unconfirmed user.",
    467: "The access token has been invalidated.",
    492: "The user must be an administrator, editor, or moderator of the page.",
}


@dataclass(frozen=True)
class Token:
    """Who asks. An app token has no login; only a page token has a page."""

    login: Login | None = None
    page: str | None = None

    @property
    def kind(self) -> str:
        """As /debug_token calls it."""
        if self.login is None:
            return "APP"
        if self.page:
            return "PAGE"
        return "SYSTEM_USER" if self.login.is_system_user else "USER"

    @property
    def scopes(self) -> frozenset[str]:
        return self.login.scopes if self.login else frozenset()


def user_token(world: World, login: Login) -> str:
    return _made(world, "U", login, "")


def page_token(world: World, login: Login, page: str) -> str:
    return _made(world, "P", login, page)


def read_token(world: World, text: str | None) -> Token:
    """Who asks. Raises GraphError: none, unreadable, expired or ended."""
    token = identify(world, text)
    if token.login is not None:
        _check_is_alive(world, token, token.login)
    return token


def identify(world: World, text: str | None) -> Token:
    """Whose token it is or was. Raises GraphError: none, or unreadable."""
    if not text:
        raise no_token()
    if hmac.compare_digest(text.encode(), world.app_token.encode()):
        return Token()
    shape = _SHAPE.fullmatch(text)
    login = world.logins.get(int(shape[2])) if shape else None
    if not shape or login is None:
        raise unreadable_token()
    if not hmac.compare_digest(text, _made(world, shape[1], login, shape[3])):
        raise unreadable_token()
    return Token(login, shape[3] or None)


def expires_at(token: Token) -> int:
    """Unix seconds; 0 = never, as for page tokens from long-lived logins.

    Meta, "Long-lived tokens".
    """
    if token.login is None or (token.page and token.login.is_long):
        return 0
    return token.login.expires_at


def check_proof(world: World, token: str | None, params: dict[str, str]) -> None:
    """appsecret_proof, plain or with appsecret_time (Meta, "Secure requests", "Login security")."""
    proof = params.get("appsecret_proof")
    if proof is None:
        if world.switches.require_proof and token != world.app_token:
            raise _proof_error("API calls from the server require an appsecret_proof argument")
        return
    stamp = params.get("appsecret_time")
    message = f"{token}|{stamp}" if stamp else f"{token}"
    expected = hmac.new(world.app_secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    is_late = stamp is not None and not _is_recent(stamp)
    if is_late or not hmac.compare_digest(proof.encode(), expected.encode()):
        raise _proof_error("Invalid appsecret_proof provided in the API argument")


def session_ended(subcode: int) -> GraphError:
    """The error of a token whose session is over."""
    text = _ENDINGS.get(subcode, "The session is invalid.")
    return GraphError(f"Error validating access token: {text}", 190, subcode=subcode)


def _made(world: World, kind: str, login: Login, page: str) -> str:
    head = f"EAA{kind}{login.number}x{page}x"
    return head + hmac.new(world.token_key, head.encode(), hashlib.sha256).hexdigest()


def _check_is_alive(world: World, token: Token, login: Login) -> None:
    subcode = login.ended_by
    end = expires_at(token)
    if subcode is None and end and end <= time.time():
        subcode = 463
    if subcode is None and token.page in world.ended_page_tokens:
        last_login, page_subcode = world.ended_page_tokens[token.page]
        if login.number <= last_login:
            subcode = page_subcode
    if subcode is None and token.page and world.is_expired_by_seed(token.page):
        subcode = 463
    if subcode is not None:
        raise session_ended(subcode)


def _is_recent(stamp: str) -> bool:
    seconds = read_number(stamp)
    return seconds is not None and abs(time.time() - seconds) <= _PROOF_SECONDS


def _proof_error(text: str) -> GraphError:
    return GraphError(text, 100, kind="GraphMethodException")
