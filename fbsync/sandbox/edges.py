"""The person's edges: pages, business portfolios and permissions."""

from collections.abc import Callable
from typing import Any

from fbsync.sandbox.call import Call
from fbsync.sandbox.field_selection import parse
from fbsync.sandbox.graph_error import GraphError, unknown_field, unsupported
from fbsync.sandbox.nodes import select
from fbsync.sandbox.paging import empty_part, may_be_empty, part, window
from fbsync.sandbox.tokens import Token
from fbsync.sandbox.world import Standing, World

BUSINESS = "business_management"
_DEFAULT_FIELDS = "access_token,category,category_list,name,id,tasks"


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
    if call.method != "GET":
        raise unsupported(call.method)
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
    start, end = window(call, len(pages))
    if may_be_empty(call) and _begins_empty(world, start, end, len(pages)):
        return empty_part(call)
    wanted = parse(call.params.get("fields") or _DEFAULT_FIELDS) | {"id": None}
    facts = [world.page(page) for page in pages[start:end]]
    shown = [select(world, found, wanted, token, call.version) for found in facts if found]
    return part(call, shown, start, end, len(pages))


def permissions(world: World) -> dict[str, Any]:
    """GET /me/permissions."""
    return {
        "data": [
            {"permission": name, "status": status}
            for name, status in sorted(world.permissions.items())
        ]
    }


def revoke_permissions(
    world: World, call: Call, tell_removed: Callable[[], object]
) -> dict[str, Any]:
    """DELETE /me/permissions: one of them, or the whole app."""
    name = call.params.get("permission") or (call.path[2] if len(call.path) > 2 else None)
    if name is None:
        world.remove_app()
        tell_removed()
    else:
        with world.lock:
            world.permissions[name] = "declined"
            for login in world.logins.values():
                login.scopes -= {name}
    return {"success": True}


def _shown(world: World, token: Token) -> list[str]:
    """The pages that the person picked in the dialog."""
    login = token.login
    if login is None or (login.pages is None and not world.pages_without_role):
        return world.page_ids
    return [
        page for page in world.page_ids if login.sees(page) and page not in world.pages_without_role
    ]


def _is_listed(standing: Standing, with_business: bool) -> bool:
    return standing.listed and (with_business or standing.business is None)


def _check_business(token: Token) -> None:
    if BUSINESS not in token.scopes:
        text = "(#200) Requires business_management permission to manage the object."
        raise GraphError(text, 200, status=403)


def _begins_empty(world: World, start: int, end: int, count: int) -> bool:
    if world.switches.empty_accounts_page:
        return True
    at = world.seeded.empty_part_at(count) if world.seeded else None
    return at is not None and start <= at < end
