"""The login dialog (Meta, "Manually build a login flow"): who wants what, Continue or Cancel."""

import secrets
from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode, urlsplit

from fbsync.sandbox.call import read_list
from fbsync.sandbox.handshake import LOOPBACK
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
    """The permissions asked for. Raises DialogError."""
    if params.get("client_id") != world.app_id:
        raise DialogError("Invalid App ID: the app does not exist.")
    address = urlsplit(params.get("redirect_uri", ""))
    local = address.hostname in LOOPBACK
    if address.scheme not in ("http", "https") or not address.hostname:
        raise DialogError("URL Blocked: redirect_uri is missing or no web address.")
    if address.scheme == "http" and not local:
        raise DialogError("Insecure Login Blocked: redirect_uri must use https.")
    if params.get("response_type", "code") != "code":
        raise DialogError("This sandbox knows response_type=code alone.")
    scopes = read_list(params.get("scope", "").replace(" ", ","))
    unknown = sorted(set(scopes) - PERMISSIONS)
    if unknown:
        raise DialogError(f"Invalid Scopes: {', '.join(unknown)}.")
    return frozenset(scopes) | {"public_profile"}


def consent(
    world: World,
    params: dict[str, str],
    asked: frozenset[str],
    granted: frozenset[str],
    pages: frozenset[str] | None,
) -> str:
    """Continue: the redirect's address with a new code. The fragment is Meta's habit."""
    granted = (granted & asked) | {"public_profile"}
    code = "AQ" + secrets.token_urlsafe(48)
    with world.lock:
        world.codes[code] = Code(params["redirect_uri"], granted, pages)
        for name in asked:
            world.permissions[name] = "granted" if name in granted else "declined"
    return _back(params, {"code": code}) + "#_=_"


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
    optional = [(name, name) for name in sorted(asked - {"public_profile"})]
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
        permissions=_boxes("grant", optional),
        pages=choice,
    )


def show_error(text: str) -> str:
    """The dialog's refusal as a page of HTML."""
    return f"<!doctype html><title>Error</title>{_STYLE}<main><h1>Error</h1><p>{escape(text)}</p>"


def _back(params: dict[str, str], answer: dict[str, str]) -> str:
    if "state" in params:
        answer["state"] = params["state"]
    address = params["redirect_uri"]
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(answer)}"


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
