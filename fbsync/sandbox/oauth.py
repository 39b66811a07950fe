"""Codes and tokens: /oauth/access_token and /debug_token (Meta, "Manually build a login flow")."""

import hmac
import time
from typing import Any

from fbsync.sandbox.call import Call
from fbsync.sandbox.graph_error import GraphError, bad_parameter
from fbsync.sandbox.tokens import Token, expires_at, identify, read_token, user_token
from fbsync.sandbox.world import PERSON, Login, World

_REDIRECT_DIFFERS, _CODE_USED = 36008, 36009


def exchange(world: World, call: Call) -> dict[str, Any]:
    """A code, a short-lived token or the app's own credentials for a token."""
    params = call.params
    _check_app(world, params)
    kind = params.get("grant_type", "authorization_code")
    if kind == "client_credentials":
        return {"access_token": world.app_token, "token_type": "bearer"}
    if kind == "fb_exchange_token":
        short = read_token(world, params.get("fb_exchange_token"))
        if short.kind != "USER" or short.login is None:
            raise bad_parameter("fb_exchange_token must be a user access token.")
        login = world.new_login(short.login.scopes, short.login.pages, is_long=True)
        return _granted(world, login)
    if kind != "authorization_code":
        raise bad_parameter("Unknown grant_type.")
    return _granted(world, _redeem(world, params))


def debug(world: World, call: Call, asker: Token) -> dict[str, Any]:
    """GET /debug_token: what a token is.

    Asked with the app token, or with the person's own, who is the app's developer. A system user
    is not, and may only look at the own token.
    """
    text = call.params.get("input_token")
    is_own = asker.kind == "SYSTEM_USER" and text == call.token
    if asker.kind not in ("APP", "USER") and not is_own:
        raise bad_parameter(
            "You must provide an app access token, or a user access token that is"
            " an owner or developer of the app"
        )
    try:
        token = identify(world, text)
    except GraphError as error:
        return {"data": {"error": _reason(error), "is_valid": False, "scopes": []}}
    data: dict[str, Any] = {
        "app_id": world.app_id,
        "type": token.kind,
        "application": "Sandbox",
        "expires_at": expires_at(token),
        "is_valid": True,
        "scopes": sorted(token.scopes),
    }
    if token.login is not None:
        data |= _session(token, token.login)
    try:
        read_token(world, text)
    except GraphError as error:
        data |= {"error": _reason(error), "is_valid": False}
    return {"data": data}


def _reason(error: GraphError) -> dict[str, Any]:
    found: dict[str, Any] = {"code": error.code, "message": error.message}
    return found | {"subcode": error.subcode} if error.subcode else found


def _session(token: Token, login: Login) -> dict[str, Any]:
    granular: list[dict[str, Any]] = []
    for scope in sorted(login.scopes):
        limited = login.pages is not None and scope.startswith("pages_")
        granular.append(
            {"scope": scope, "target_ids": sorted(login.pages or ())}
            if limited
            else {"scope": scope}
        )
    data = {
        "data_access_expires_at": login.data_access_expires_at,
        "issued_at": login.issued_at,
        "user_id": PERSON["id"],
        "granular_scopes": granular,
    }
    return data | {"profile_id": token.page} if token.page else data


def _check_app(world: World, params: dict[str, str]) -> None:
    if params.get("client_id") != world.app_id:
        raise GraphError("Error validating application. Invalid application ID.", 101)
    secret = params.get("client_secret", "")
    if not hmac.compare_digest(secret.encode(), world.app_secret.encode()):
        raise GraphError("Error validating client secret.", 1)


def _redeem(world: World, params: dict[str, str]) -> Login:
    with world.lock:
        code = world.codes.get(params.get("code", ""))
        if code is None:
            raise GraphError("Invalid verification code format.", 100)
        if code.used:
            raise GraphError("This authorization code has been used.", 100, subcode=_CODE_USED)
        if params.get("redirect_uri") != code.redirect_uri:
            raise GraphError(
                "Error validating verification code. Please make sure your redirect_uri is"
                " identical to the one you used in the OAuth dialog request",
                100,
                subcode=_REDIRECT_DIFFERS,
            )
        code.used = True
        return world.new_login(
            code.scopes, code.pages, is_long=False, is_system_user=code.is_system_user
        )


def _granted(world: World, login: Login) -> dict[str, Any]:
    """A token that never expires comes without `expires_in`."""
    answer: dict[str, Any] = {"access_token": user_token(world, login), "token_type": "bearer"}
    if login.expires_at:
        answer["expires_in"] = login.expires_at - int(time.time())
    return answer
