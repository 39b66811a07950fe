"""The person's edges: /me/accounts with cursor paging (Meta, "Paginated results"), permissions."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from fbsync.sandbox.call import Call
from fbsync.sandbox.field_selection import parse
from fbsync.sandbox.graph_error import GraphError, bad_parameter
from fbsync.sandbox.nodes import select
from fbsync.sandbox.tokens import Token
from fbsync.sandbox.world import World

_DEFAULT_FIELDS = "access_token,category,category_list,name,id,tasks"
_DEFAULT_LIMIT, _MAX_LIMIT = 25, 100
_PLACES = ("after", "before")
_AGAIN = "ZZZ"  # at the end of the cursor that an empty part gives


def accounts(world: World, call: Call, token: Token) -> dict[str, Any]:
    """The pages that the person manages and showed to the app."""
    pages = _visible(world, token)
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
    if token.login.pages is None:
        return world.page_ids
    return [page for page in world.page_ids if token.login.sees(page)]


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
