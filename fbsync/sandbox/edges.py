"""The person's edges: /me/accounts and permissions."""

from collections.abc import Callable
from typing import Any

from fbsync.sandbox.call import Call
from fbsync.sandbox.field_selection import parse
from fbsync.sandbox.nodes import select
from fbsync.sandbox.paging import empty_part, may_be_empty, part, window
from fbsync.sandbox.tokens import Token
from fbsync.sandbox.world import World

_DEFAULT_FIELDS = "access_token,category,category_list,name,id,tasks"


def accounts(world: World, call: Call, token: Token) -> dict[str, Any]:
    """The pages that the person manages and showed to the app."""
    pages = _visible(world, token)
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


def _visible(world: World, token: Token) -> list[str]:
    """Without pages_show_list the list is empty, and that is no error."""
    if token.login is None or "pages_show_list" not in token.scopes:
        return []
    if token.login.pages is None and not world.pages_without_role:
        return world.page_ids
    return [
        page
        for page in world.page_ids
        if token.login.sees(page) and page not in world.pages_without_role
    ]


def _begins_empty(world: World, start: int, end: int, count: int) -> bool:
    if world.switches.empty_accounts_page:
        return True
    at = world.seeded.empty_part_at(count) if world.seeded else None
    return at is not None and start <= at < end
