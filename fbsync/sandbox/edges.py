"""The person's edges: pages with cursor paging (Meta, "Paginated results"), permissions."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Any
from urllib.parse import urlencode

from fbsync.sandbox.call import Call
from fbsync.sandbox.field_selection import parse
from fbsync.sandbox.graph_error import GraphError, bad_parameter, unknown_field
from fbsync.sandbox.nodes import select
from fbsync.sandbox.tokens import Token
from fbsync.sandbox.world import Standing, World

BUSINESS = "business_management"
_DEFAULT_FIELDS = "access_token,category,category_list,name,id,tasks"
_DEFAULT_LIMIT, _MAX_LIMIT = 25, 100
_PLACES = ("after", "before")
_AGAIN = "ZZZ"  # at the end of the cursor that an empty part gives


def accounts(world: World, call: Call, token: Token) -> dict[str, Any]:
    """/me/accounts: the pages that the person manages and showed to the app.

    Without pages_show_list the list is empty, and that is no error. Without business_management the
    pages of business portfolios are missing.
    """
    if token.login is None or "pages_show_list" not in token.scopes:
        return _listed(world, call, token, [])
    pages = _shown(world, token)
    if world.standings:
        with_business = BUSINESS in token.scopes
        pages = [page for page in pages if _is_listed(world.standing(page), with_business)]
    return _listed(world, call, token, pages)


def businesses(world: World, token: Token) -> dict[str, Any]:
    """/me/businesses: the portfolios that own a page, or have one as a client."""
    _check_business(token)
    return {"data": [_read_business(name) for name in world.businesses()]}


def business(world: World, call: Call, token: Token) -> dict[str, Any]:
    """A portfolio, or its edges owned_pages and client_pages."""
    _check_business(token)
    name, *rest = call.path
    if not rest:
        return _read_business(name)
    if rest not in (["owned_pages"], ["client_pages"]):
        raise unknown_field(rest[0], "Business")
    pages = [page for page in _shown(world, token) if world.standing(page).business == name]
    is_client = rest == ["client_pages"]
    pages = [page for page in pages if world.standing(page).is_client == is_client]
    return _listed(world, call, token, pages)


def _read_business(name: str) -> dict[str, Any]:
    return {"id": name, "name": f"Portfolio {name}"}


def _listed(world: World, call: Call, token: Token, pages: list[str]) -> dict[str, Any]:
    """One part of a list of pages."""
    start, end = _window(call.params, len(pages))
    after = call.params.get("after", "")
    if world.switches.empty_accounts_page and after and not after.endswith(_AGAIN):
        # Allowed by the contract: an empty part is not the end while there is a `next`.
        return {"data": [], "paging": _paging(call, after, after + _AGAIN, has_more=True)}
    wanted = parse(call.params.get("fields") or _DEFAULT_FIELDS) | {"id": None}
    facts = [world.page(page) for page in pages[start:end]]
    answer: dict[str, Any] = {
        "data": [select(world, found, wanted, token, call.version) for found in facts if found]
    }
    if answer["data"]:
        has_more = end < len(pages)
        answer["paging"] = _paging(call, _cursor(start), _cursor(end - 1), has_more=has_more)
    if "summary" in call.params:
        answer["summary"] = {"total_count": len(pages)}
    return answer


def permissions(world: World) -> dict[str, Any]:
    """GET /me/permissions."""
    return {
        "data": [
            {"permission": name, "status": status}
            for name, status in sorted(world.permissions.items())
        ]
    }


def revoke_permissions(world: World, call: Call) -> dict[str, Any]:
    """DELETE /me/permissions: one of them, or the whole app."""
    name = call.params.get("permission") or (call.path[2] if len(call.path) > 2 else None)
    with world.lock:
        if name is None:
            world.permissions.clear()
            for login in world.logins.values():
                login.ended_by = 458
        else:
            world.permissions[name] = "declined"
            for login in world.logins.values():
                login.scopes -= {name}
    return {"success": True}


def _shown(world: World, token: Token) -> list[str]:
    """The pages that the person picked in the dialog."""
    login = token.login
    if login is None or login.pages is None:
        return world.page_ids
    return [page for page in world.page_ids if login.sees(page)]


def _is_listed(standing: Standing, with_business: bool) -> bool:
    return standing.listed and (with_business or standing.business is None)


def _check_business(token: Token) -> None:
    if BUSINESS not in token.scopes:
        text = "(#200) Requires business_management permission to manage the object."
        raise GraphError(text, 200, status=403)


def _window(params: dict[str, str], count: int) -> tuple[int, int]:
    text = params.get("limit") or str(_DEFAULT_LIMIT)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise bad_parameter("Param limit must be a positive number")
    limit = min(int(text), _MAX_LIMIT)
    if params.get("after"):
        start = _position(params["after"]) + 1
        if start > count:
            raise GraphError(
                "(#100) The After Cursor specified exceeds the max limit supported by this"
                " endpoint",
                100,
            )
        return start, min(start + limit, count)
    if params.get("before"):
        end = min(_position(params["before"]), count)
        return max(0, end - limit), end
    return 0, min(limit, count)


def _paging(call: Call, before: str, after: str, *, has_more: bool) -> dict[str, Any]:
    """`next` is absolute and holds the token, as Meta's does."""
    paging: dict[str, Any] = {"cursors": {"before": before, "after": after}}
    if has_more:
        kept = {name: value for name, value in call.params.items() if name not in _PLACES}
        kept |= {"access_token": call.token or "", "pretty": "0", "after": after}
        paging["next"] = f"{call.base_url}/{call.version}/{call.name}?{urlencode(kept)}"
    return paging


def _cursor(index: int) -> str:
    return urlsafe_b64encode(f"sandbox:{index}".encode()).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        cursor = cursor.removesuffix(_AGAIN)
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return int(text.removeprefix("sandbox:"))
    except (Base64Error, ValueError):
        raise bad_parameter("Invalid cursor provided to paging") from None
