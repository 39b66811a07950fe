"""From a login code to a long-lived user token, and what Facebook says of it.

Every method raises GraphUnavailable, RateLimited and the PermanentFailures of graph.errors.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fbsync.errors import FbsyncError, GraphUnavailable
from fbsync.graph.answer import Answer
from fbsync.graph.call import GraphConnection
from fbsync.graph.permissions import Permissions
from fbsync.graph.read import Read
from fbsync.page import PageId, UserToken, page_id

_SYSTEM_USER = "SYSTEM_USER"
_LAST_SECOND = 1 << 37  # in the year 6325; far later ones do not fit a datetime


@dataclass(frozen=True)
class TokenFacts:
    """What /debug_token says of a user token (Meta, "debug_token").

    `chosen` are the pages that the person picked in the dialog; empty where all were opened.
    """

    kind: str
    scopes: frozenset[str]
    expires_at: datetime | None
    data_access_expires_at: datetime | None
    chosen: frozenset[PageId]


@dataclass(frozen=True)
class Session:
    """A new login: the token; and permissions and facts, each an error where it was not told."""

    user: UserToken
    permissions: Permissions | FbsyncError
    facts: TokenFacts | FbsyncError


class OAuth:
    """The exchange of codes and tokens for one app."""

    def __init__(self, connection: GraphConnection) -> None:
        self._connection = connection

    def log_in(self, code: str, redirect_uri: str) -> Session:
        """Exchange a login code for a long-lived user token (Meta, "Long-lived tokens").

        `redirect_uri` must be the very one that the dialog got. The token of a system user is kept
        as it comes (Meta, "Facebook Login for Business"): it lasts longer than an exchanged one.
        """
        came = self._exchange({"code": code, "redirect_uri": redirect_uri})
        facts = self._facts(_text(came, "access_token"))
        if not isinstance(facts, TokenFacts) or facts.kind != _SYSTEM_USER:
            short = _text(came, "access_token")
            came = self._exchange({"grant_type": "fb_exchange_token", "fb_exchange_token": short})
        return self._session(_text(came, "access_token"), came.get("expires_in"))

    def revoke(self, user: UserToken) -> None:
        """Take all permissions back, as if the person removed the app: the token ends (Meta,
        "Permissions").

        Raises TokenRefused where it had ended before.
        """
        answer = self._connection.delete("me/permissions", user.token)
        if answer.data.get("success") is not True:
            raise GraphUnavailable("Facebook did not revoke the permissions.\nTry again later.")

    def _session(self, token: str, lifetime: object) -> Session:
        me = Read("me", token, {"fields": "id,name"})
        reads = [me, Read("me/permissions", token), self._ask(token)]
        person, permissions, facts = self._connection.read_all(reads)
        if isinstance(person, FbsyncError):
            raise person
        found = _token_facts(facts) if isinstance(facts, Answer) else facts
        granted = _permissions(permissions) if isinstance(permissions, Answer) else permissions
        told = found if isinstance(found, TokenFacts) else None
        if told and told.kind == _SYSTEM_USER:
            granted = Permissions(told.scopes)  # nobody could decline any of them
        user = UserToken(
            user_id=_text(person.data, "id"),
            name=str(person.data.get("name", "")).replace(
                "\0", ""
            ),  # which PostgreSQL does not store
            token=token,
            expires_at=told.expires_at if told else _end(lifetime),
            data_access_expires_at=told.data_access_expires_at if told else None,
            scopes=tuple(sorted(granted.granted)) if isinstance(granted, Permissions) else (),
        )
        return Session(user, granted, found)

    def _facts(self, token: str) -> TokenFacts | FbsyncError:
        (answer,) = self._connection.read_all([self._ask(token)])
        return _token_facts(answer) if isinstance(answer, Answer) else answer

    def _ask(self, token: str) -> Read:
        return Read("debug_token", self._connection.app_token, {"input_token": token})

    def _exchange(self, params: Mapping[str, str]) -> dict[str, Any]:
        app_id, _, app_secret = self._connection.app_token.partition("|")
        form = {"client_id": app_id, "client_secret": app_secret, **params}
        # A code is good for one exchange, so a second try would only hide the first one's failure.
        return self._connection.post("oauth/access_token", form, None, once="code" in params).data


def _token_facts(answer: Answer) -> TokenFacts | FbsyncError:
    data = answer.data.get("data")
    if not isinstance(data, dict) or data.get("is_valid") is not True:
        return GraphUnavailable("Facebook does not say what the new token is good for.")
    return TokenFacts(
        kind=str(data.get("type", "")),
        scopes=_names(data.get("scopes")),
        expires_at=_moment(data.get("expires_at")),
        data_access_expires_at=_moment(data.get("data_access_expires_at")),
        chosen=_chosen(data.get("granular_scopes")),
    )


def _chosen(granular_scopes: object) -> frozenset[PageId]:
    """The target_ids of all scopes for pages."""
    chosen: set[PageId] = set()
    for scope in granular_scopes if isinstance(granular_scopes, list) else ():
        if isinstance(scope, dict) and str(scope.get("scope")).startswith("pages_"):
            for target in scope.get("target_ids") or ():
                with suppress(ValueError):
                    chosen.add(page_id(str(target)))
    return frozenset(chosen)


def _names(scopes: object) -> frozenset[str]:
    return frozenset(map(str, scopes)) if isinstance(scopes, list) else frozenset()


def _permissions(answer: Answer) -> Permissions:
    named: dict[str, set[str]] = {"granted": set(), "declined": set(), "expired": set()}
    for item in answer.items:
        named.setdefault(str(item.get("status")), set()).add(str(item.get("permission")))
    return Permissions(*(frozenset(named[name]) for name in ("granted", "declined", "expired")))


def _end(seconds: object) -> datetime | None:
    if not isinstance(seconds, int) or seconds <= 0:
        return None
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _moment(seconds: object) -> datetime | None:
    """None for 0, which stands for never (Meta, "debug_token")."""
    if isinstance(seconds, int) and 0 < seconds < _LAST_SECOND:
        return datetime.fromtimestamp(seconds, UTC)
    return None


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if isinstance(value, str) and value:
        return value
    raise GraphUnavailable(f"Facebook's answer holds no {name}.\nTry again later.")
