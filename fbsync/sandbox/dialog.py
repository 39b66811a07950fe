"""The login dialog (Meta, "Manually build a login flow"): who wants what, Continue or Cancel."""

import secrets
from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode, urlsplit

from fbsync.sandbox.call import read_list
from fbsync.sandbox.handshake import LOOPBACK
from fbsync.sandbox.switches import CONFIG_ID
from fbsync.sandbox.tokens import user_token
from fbsync.sandbox.world import PERSON, Code, World

_MAX_PAGES_SHOWN = 100

_PERMISSIONS_TEXT = """
    ads_management ads_read business_management email instagram_basic
    instagram_manage_comments instagram_manage_insights leads_retrieval pages_manage_ads
    pages_manage_engagement pages_manage_metadata pages_manage_posts pages_messaging
    pages_read_engagement pages_read_user_content pages_show_list public_profile
    read_insights whatsapp_business_management
"""
PERMISSIONS = frozenset(_PERMISSIONS_TEXT.split())


class DialogError(Exception):
    """The dialog shows this text instead of asking, and sends nobody anywhere."""


def check_request(world: World, params: dict[str, str]) -> frozenset[str]:
    """The permissions that the dialog asks for. Raises DialogError.

    A permission that was declined before is left out, unless auth_type is rerequest.
    """
    if params.get("client_id") != world.app_id:
        raise DialogError("Invalid App ID: the app does not exist.")
    _check_redirect(world, params.get("redirect_uri", ""))
    types = _response_types(params)
    if not types & {"code", "token"} or types - {"code", "token", "granted_scopes"}:
        raise DialogError("Invalid response_type: code, token, or both, and granted_scopes.")
    scopes = frozenset(read_list(params.get("scope", "").replace(" ", ",")))
    if params.get("config_id"):
        scopes |= _configured(world, params["config_id"], types)
    unknown = sorted(scopes - PERMISSIONS)
    if unknown:
        raise DialogError(f"Invalid Scopes: {', '.join(unknown)}.")
    if params.get("auth_type") != "rerequest":
        scopes -= {name for name, status in world.permissions.items() if status == "declined"}
    return scopes | {"public_profile"}


def consent(
    world: World,
    params: dict[str, str],
    asked: frozenset[str],
    granted: frozenset[str],
    pages: frozenset[str] | None,
) -> str:
    """Continue: the redirect's address with a new code, or a token in its fragment.

    A configuration's permissions are granted all or none (Meta, "Facebook Login for Business").
    """
    by_config = bool(params.get("config_id"))
    granted = asked if by_config else (granted & asked) | {"public_profile"}
    types = _response_types(params)
    answer: dict[str, str] = {}
    with world.lock:
        for name in asked:
            world.permissions[name] = "granted" if name in granted else "declined"
        if "token" in types:
            answer |= _token(world, granted, pages)
        if "code" in types:
            answer["code"] = "AQ" + secrets.token_urlsafe(48)
            is_system_user = by_config and world.switches.system_user_tokens
            world.codes[answer["code"]] = Code(
                params["redirect_uri"], granted, pages, is_system_user
            )
    if "granted_scopes" in types:
        answer["granted_scopes"] = ",".join(sorted(granted))
        answer["denied_scopes"] = ",".join(sorted(asked - granted))
    if "token" in types:
        return _back(params, answer, mark="#")
    return _back(params, answer) + "#_=_"  # Meta's habit


def cancel(params: dict[str, str]) -> str:
    """Cancel: the redirect's address with the reason."""
    return _back(
        params,
        {
            "error": "access_denied",
            "error_code": "200",
            "error_reason": "user_denied",
            "error_description": "Permissions error",
        },
    )


def show(world: World, params: dict[str, str], asked: frozenset[str]) -> str:
    """The dialog as a page of HTML."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in params.items()
    )
    names = sorted(asked - {"public_profile"})
    if params.get("config_id"):
        permissions = f"<p>{escape(', '.join(names))}: all or none of them</p>"
    else:
        permissions = _boxes("grant", [(name, name) for name in names])
    pages = [(page, _name(world, page)) for page in world.page_ids[: _MAX_PAGES_SHOWN + 1]]
    if len(pages) > _MAX_PAGES_SHOWN:
        choice = f'<p>all {world.page_count} pages</p><input type="hidden" name="all_pages">'
    else:
        choice = _boxes("page", pages)
    return _PAGE.format(
        style=_STYLE,
        person=escape(PERSON["name"]),
        app=escape(world.app_id),
        hidden=hidden,
        permissions=permissions,
        pages=choice,
    )


def show_error(text: str) -> str:
    """The dialog's refusal as a page of HTML."""
    return f"<!doctype html><title>Error</title>{_STYLE}<main><h1>Error</h1><p>{escape(text)}</p>"


def _check_redirect(world: World, redirect: str) -> None:
    address = urlsplit(redirect)
    is_local = address.hostname in LOOPBACK
    if address.scheme not in ("http", "https") or not address.hostname:
        raise DialogError("URL Blocked: redirect_uri is missing or no web address.")
    if address.scheme == "http" and not is_local:
        raise DialogError("Insecure Login Blocked: redirect_uri must use https.")
    registered = read_list(world.switches.redirects)
    is_allowed = not registered or redirect in registered
    if not is_allowed and not (is_local and world.switches.development_mode):
        raise DialogError(
            "URL Blocked: This redirect failed because the redirect URI is not white-listed in the"
            " app's client OAuth settings."
        )


def _response_types(params: dict[str, str]) -> set[str]:
    return set(params.get("response_type", "code").replace(",", " ").split())


def _configured(world: World, config_id: str, types: set[str]) -> frozenset[str]:
    """The permissions of the configuration."""
    if config_id != CONFIG_ID:
        raise DialogError("Invalid config_id: the app has no such configuration.")
    if world.switches.system_user_tokens and "code" not in types:
        raise DialogError("A configuration for system users needs response_type=code.")
    return frozenset(read_list(world.switches.config_scopes))


def _token(world: World, granted: frozenset[str], pages: frozenset[str] | None) -> dict[str, str]:
    login = world.new_login(granted, pages, is_long=False)
    return {
        "access_token": user_token(world, login),
        "data_access_expiration_time": str(login.data_access_expires_at),
        "expires_in": str(world.switches.short_token_seconds),
    }


def _back(params: dict[str, str], answer: dict[str, str], mark: str = "?") -> str:
    """The redirect with the answer, after "?" in its query or after "#" in its fragment."""
    if "state" in params:
        answer["state"] = params["state"]
    address = params["redirect_uri"]
    if mark == "?" and urlsplit(address).query:
        mark = "&"
    return f"{address}{mark}{urlencode(answer)}"


def _name(world: World, page: str) -> str:
    return str((world.page(page) or {}).get("name", page))


def _boxes(group: str, choices: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f'<label><input type="checkbox" name="{group}" value="{escape(value)}" checked>'
        f"{escape(label)}</label>"
        for value, label in choices
    )


_STYLE = """<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>body{font:16px/1.5 system-ui,sans-serif;background:#f0f2f5;color:#1c1e21}
main{max-width:30rem;margin:3rem auto;padding:2rem;background:#fff;border-radius:12px}
h1{font-size:1.3rem}h2{font-size:1rem}label{display:block}
button{font:inherit;padding:.6rem 1.4rem;margin:1.5rem .5rem 0 0;border:0;border-radius:8px}
button[value=continue]{background:#0866ff;color:#fff}</style>"""

_PAGE = """<!doctype html><html lang="en"><title>Log in to the sandbox</title>{style}
<main><h1>App {app} would like to access {person}'s pages</h1>
<p>This is a simulator: the person and the pages are invented.</p>
<form method="post">{hidden}<input type="hidden" name="shown" value="1">
<h2>Permissions</h2>{permissions}<h2>Pages</h2>{pages}
<button name="action" value="continue">Continue</button>
<button name="action" value="cancel">Cancel</button></form></main></html>"""
