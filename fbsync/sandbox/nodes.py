"""Nodes: the person, the app and the pages; what may be read and changed of them."""

import secrets
from collections.abc import Mapping
from typing import Any

from fbsync.sandbox.call import COMMON, Call, read_json
from fbsync.sandbox.catalogue import FIELDS, RETIRED_IN_V26, WITHOUT_PERMISSION, WRITABLE
from fbsync.sandbox.field_selection import Selection, parse, pick
from fbsync.sandbox.graph_error import GraphError, bad_parameter, unknown_field, unknown_object
from fbsync.sandbox.tokens import Token, page_token
from fbsync.sandbox.versions import NEWEST
from fbsync.sandbox.world import PERSON, World

_PERSON_FACTS: dict[str, Any] = PERSON | {
    "email": "sam@example.com",
    "first_name": "Sam",
    "last_name": "Sandbox",
    "picture": {"data": {"height": 50, "is_silhouette": True, "url": "", "width": 50}},
}


def read_person(wanted: Mapping[str, Selection | None], token: Token) -> dict[str, Any]:
    """/me with a user token; the address for mails needs the permission `email`."""
    for name in wanted:
        if name not in _PERSON_FACTS:
            raise unknown_field(name, "User")
    facts = dict(_PERSON_FACTS)
    if "email" not in token.scopes:
        del facts["email"]
    found = {name: pick(facts[name], inside) for name, inside in wanted.items() if name in facts}
    return found | {"id": PERSON["id"]}


def read_app(world: World, call: Call) -> dict[str, Any]:
    """/{app-id}."""
    facts = {"id": world.app_id, "name": "Sandbox", "category": "Business"}
    facts["link"] = f"https://www.facebook.com/games/?app_id={world.app_id}"
    wanted = parse(call.params.get("fields") or "id,name,category,link")
    for name in wanted:
        if name not in facts:
            raise unknown_field(name, "Application")
    return {name: facts[name] for name in wanted} | {"id": world.app_id}


def read_page(world: World, call: Call, page: str, token: Token) -> dict[str, Any]:
    """GET /{page-id}."""
    facts = _visible(world, page, token)
    wanted = parse(call.params.get("fields") or "id,name")
    return {"id": page} | select(world, facts, wanted, token, call.version)


def read_picture(world: World, page: str, token: Token) -> dict[str, Any]:
    """/{page-id}/picture with redirect=false."""
    facts = _visible(world, page, token)
    return {"data": _picture_of(_as_read(world, facts))}


def select(
    world: World,
    facts: dict[str, Any],
    wanted: Mapping[str, Selection | None],
    token: Token,
    version: str,
) -> dict[str, Any]:
    """The wanted fields of a page; an unset one is absent. Raises GraphError."""
    for name in wanted:
        _check_is_readable(world, name, token, version)
    facts = _as_read(world, facts)
    found = {name: pick(facts[name], inside) for name, inside in wanted.items() if name in facts}
    tasks = world.standing(facts["id"]).tasks
    if "access_token" in wanted and token.login is not None and tasks:
        found["access_token"] = page_token(world, token.login, facts["id"])
    if "tasks" in wanted:
        found["tasks"] = tasks
    return found


def edit_page(world: World, call: Call, page: str, token: Token) -> list[str]:
    """POST /{page-id}: the names of the fields that are now different."""
    if world.page(page) is None or token.page != page:
        raise unknown_object(page)
    values = {name: value for name, value in call.params.items() if name not in COMMON}
    for name in values:
        if name not in WRITABLE:
            raise bad_parameter(f"Param {name} is not a field that can be written on a Page.")
    if "pages_manage_metadata" not in token.scopes:
        raise GraphError("(#200) Requires pages_manage_metadata permission.", 200, status=403)
    return world.edit(page, {name: _decoded(name, value) for name, value in values.items()})


def _visible(world: World, page: str, token: Token) -> dict[str, Any]:
    """The page's facts. Raises GraphError where this token may not see it."""
    facts = world.page(page)
    is_seen = token.login is not None and token.login.sees(page) and token.page in (None, page)
    if facts is None or not is_seen or page in world.pages_without_role:
        raise unknown_object(page)
    return facts


def _as_read(world: World, facts: dict[str, Any]) -> dict[str, Any]:
    """With what is only known at this one read: the addresses of pictures run out."""
    found = dict(facts)
    found["has_added_app"] = found["is_webhooks_subscribed"] = (
        facts["id"] in world.page_subscriptions
    )
    if world.switches.volatile_pictures:
        signature = f"?_nc_ohc={secrets.token_urlsafe(12)}&oh=00_{secrets.token_urlsafe(24)}"
        if isinstance(cover := facts.get("cover"), dict) and "source" in cover:
            found["cover"] = cover | {"source": f"{cover['source']}{signature}"}
        data = _picture_of(facts)
        if "url" in data:
            found["picture"] = {"data": data | {"url": f"{data['url']}{signature}"}}
    return found


def _picture_of(facts: dict[str, Any]) -> dict[str, Any]:
    """The picture's data; without one, a silhouette's."""
    picture = facts.get("picture")
    data = picture.get("data") if isinstance(picture, dict) else None
    return data if isinstance(data, dict) else {"is_silhouette": True}


def _check_is_readable(world: World, name: str, token: Token, version: str) -> None:
    retired = world.seeded.retired_field() if world.seeded else None
    if name not in FIELDS or (name == retired and world.seeded and world.seeded.has_forgotten):
        raise unknown_field(name, "Page")
    if name == retired or (name in RETIRED_IN_V26 and version == NEWEST):
        raise GraphError(f"(#12) {name} field is deprecated for versions {NEWEST} and higher", 12)
    if name not in WITHOUT_PERMISSION and "pages_read_engagement" not in token.scopes:
        raise bad_parameter(
            "Object does not exist, cannot be loaded due to missing permission or reviewable"
            " feature, or does not support this operation. This endpoint requires the"
            " 'pages_read_engagement' permission or the 'Page Public Content Access' feature."
        )


def _decoded(name: str, text: str) -> Any:
    """A form's text: JSON for objects, lists and truth values, else as it is; empty clears."""
    is_truth = name.startswith("is_")
    if text[:1] in ("{", "[") or is_truth:
        try:
            value = read_json(text)
        except ValueError:
            raise bad_parameter("A parameter holds broken JSON.") from None
        return bool(value) if is_truth else value
    return text or None
