"""Both levels of webhook subscriptions (Meta, "App subscriptions", "Page subscribed apps")."""

from typing import Any

from fbsync.sandbox.call import Call, read_list
from fbsync.sandbox.graph_error import (
    GraphError,
    app_token_needed,
    bad_parameter,
    unknown_object,
    unsupported,
)
from fbsync.sandbox.handshake import check_callback
from fbsync.sandbox.tokens import Token
from fbsync.sandbox.webhook_fields import ALL, LEADS, MESSAGING
from fbsync.sandbox.world import AppSubscription, World

_OBJECTS: dict[str, frozenset[str]] = {
    "page": frozenset(ALL),
    "user": frozenset({"about", "email", "feed", "friends", "likes", "name", "photos"}),
    "permissions": frozenset({"email", "pages_manage_metadata", "pages_show_list"}),
    "payments": frozenset({"actions", "disputes"}),
}
_SUCCESS = {"success": True}
_MANAGING = frozenset({"CREATE_CONTENT", "MANAGE", "MODERATE"})


def app_level(world: World, call: Call, token: Token) -> dict[str, Any]:
    """/{app-id}/subscriptions."""
    if token.kind != "APP":
        raise app_token_needed()
    if call.method == "GET":
        return {"data": [_shown(name, sub) for name, sub in world.app_subscriptions.items()]}
    if call.method == "POST":
        return _subscribe_app(world, call)
    if call.method == "DELETE":
        return _unsubscribe_app(world, call)
    raise unsupported(call.method)


def page_level(world: World, call: Call, page: str, token: Token) -> dict[str, Any]:
    """/{page-id}/subscribed_apps."""
    if world.page(page) is None:
        raise unknown_object(page)
    if call.method == "DELETE" and token.kind == "APP":
        return _uninstall(world, page)
    _check_page_token(world, page, token)
    if call.method == "GET":
        return {"data": _installed(world, page)}
    if call.method == "DELETE":
        return _uninstall(world, page)
    if call.method == "POST":
        return _subscribe_page(world, call, page, token)
    raise unsupported(call.method)


def _uninstall(world: World, page: str) -> dict[str, Any]:
    with world.lock:
        world.page_subscriptions.pop(page, None)
    return _SUCCESS


def wanted_fields(world: World, page: str) -> frozenset[str]:
    """The fields that are on at both levels; only those are delivered."""
    app = world.app_subscriptions.get("page")
    if app is None or not app.active:
        return frozenset()
    return app.fields & world.page_subscriptions.get(page, frozenset())


def _subscribe_app(world: World, call: Call) -> dict[str, Any]:
    params = call.params
    name = params.get("object", "")
    if name not in _OBJECTS:
        raise bad_parameter(f"Param object must be one of {{{', '.join(_OBJECTS)}}}")
    fields = read_list(params.get("fields"))
    for field in fields:
        if field not in _OBJECTS[name]:
            raise bad_parameter(f"Param fields: {field} is not a field of the object {name}")
    before = world.app_subscriptions.get(name)
    url = params.get("callback_url") or (before.callback_url if before else "")
    # Outside the lock: the callback may well ask us something before it answers.
    check_callback(url, params.get("verify_token", ""))
    with world.lock:
        kept = (
            frozenset() if before is None or world.switches.replace_subscriptions else before.fields
        )
        world.app_subscriptions[name] = AppSubscription(
            callback_url=url,
            fields=kept | frozenset(fields),
            include_values=params.get("include_values", "").lower() in ("true", "1"),
        )
    return _SUCCESS


def _unsubscribe_app(world: World, call: Call) -> dict[str, Any]:
    name, fields = call.params.get("object"), frozenset(read_list(call.params.get("fields")))
    if name and name not in _OBJECTS:
        raise bad_parameter(f"Param object must be one of {{{', '.join(_OBJECTS)}}}")
    with world.lock:
        if not name:
            world.app_subscriptions.clear()
        elif name in world.app_subscriptions:
            left = world.app_subscriptions[name].fields - fields
            if fields and left:
                world.app_subscriptions[name].fields = left
            else:
                del world.app_subscriptions[name]
    return _SUCCESS


def _shown(name: str, subscription: AppSubscription) -> dict[str, Any]:
    return {
        "object": name,
        "callback_url": subscription.callback_url,
        "active": subscription.active,
        "fields": [{"name": field, "version": "v26.0"} for field in sorted(subscription.fields)],
    }


def _check_page_token(world: World, page: str, token: Token) -> None:
    if token.page is None:
        raise GraphError("(#210) A page access token is required to request this resource.", 210)
    if token.page != page:
        raise GraphError("(#210) User not visible", 210, status=403)
    for scope in ("pages_manage_metadata", "pages_show_list"):
        if scope not in token.scopes:
            raise GraphError(f"(#200) Requires {scope} permission to manage the object", 200, 403)
    _check_task(world, page, _MANAGING)


def _check_task(world: World, page: str, needed: frozenset[str]) -> None:
    """What the person may do on the page: one of these is needed."""
    if not needed & set(world.standing(page).tasks):
        raise GraphError(
            "(#200) User does not have sufficient administrative permission for this action on this"
            " page.",
            200,
            status=403,
        )


def _check_permission(world: World, page: str, field: str, token: Token) -> None:
    """Messages and leads need more than the other fields."""
    if field in MESSAGING:
        _check_task(world, page, frozenset({"MESSAGING"}))
    scope = "pages_messaging" if field in MESSAGING else "leads_retrieval"
    if field in MESSAGING | LEADS and scope not in token.scopes:
        raise GraphError(
            f"(#200) To subscribe to the {field} field, one of these permissions is needed:"
            f" {scope}",
            200,
            status=403,
        )


def _installed(world: World, page: str) -> list[dict[str, Any]]:
    """The calling app alone; `subscribed_fields` is absent where there are none."""
    if page not in world.page_subscriptions:
        return []
    app: dict[str, Any] = {
        "category": "Business",
        "link": f"https://www.facebook.com/games/?app_id={world.app_id}",
        "name": "Sandbox",
        "id": world.app_id,
    }
    if world.page_subscriptions[page]:
        app["subscribed_fields"] = sorted(world.page_subscriptions[page])
    return [app]


def _subscribe_page(world: World, call: Call, page: str, token: Token) -> dict[str, Any]:
    fields = read_list(call.params.get("subscribed_fields"))
    for index, field in enumerate(fields):
        if field not in ALL:
            names = ", ".join(ALL)
            raise bad_parameter(f"Param subscribed_fields[{index}] must be one of {{{names}}}")
        _check_permission(world, page, field, token)
    with world.lock:
        before = world.page_subscriptions.get(page, frozenset())
        kept = frozenset[str]() if world.switches.replace_subscriptions else before
        world.page_subscriptions[page] = kept | frozenset(fields)
    return _SUCCESS
