"""Nodes: the person, the app and the pages; what may be read and changed of them."""

import json
from typing import Any

from fbsync.sandbox.call import Call
from fbsync.sandbox.catalogue import FIELDS, RETIRED_IN_V26, WITHOUT_PERMISSION, WRITABLE
from fbsync.sandbox.field_selection import Selection, parse, pick
from fbsync.sandbox.graph_error import GraphError, bad_parameter, unknown_field, unknown_object
from fbsync.sandbox.tokens import Token, page_token
from fbsync.sandbox.world import PERSON, World


def read_person(call: Call) -> dict[str, Any]:
    """/me with a user token."""
    wanted = parse(call.params.get("fields") or "id,name")
    for name in wanted:
        if name not in PERSON:
            raise unknown_field(name, "User")
    return {name: PERSON[name] for name in wanted} | {"id": PERSON["id"]}


def read_page(world: World, call: Call, page: str, token: Token) -> dict[str, Any]:
    """GET /{page-id}."""
    facts = world.page(page)
    if facts is None or not _may_see(page, token):
        raise unknown_object(page)
    wanted = parse(call.params.get("fields") or "id,name")
    return {"id": page} | select(world, facts, wanted, token, call.version)


def select(
    world: World, facts: dict[str, Any], wanted: Selection, token: Token, version: str
) -> dict[str, Any]:
    """The wanted fields of a page; an unset one is absent. Raises GraphError."""
    for name in wanted:
        _check_is_readable(name, token, version)
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
    values = {
        name: value
        for name, value in call.params.items()
        if name not in ("access_token", "appsecret_proof", "appsecret_time")
    }
    for name in values:
        if name not in WRITABLE:
            raise bad_parameter(f"Param {name} is not a field that can be written on a Page.")
    if "pages_manage_metadata" not in token.scopes:
        raise GraphError("(#200) Requires pages_manage_metadata permission.", 200, status=403)
    return world.edit(page, {name: _decoded(value) or None for name, value in values.items()})


def _may_see(page: str, token: Token) -> bool:
    if token.login is None or not token.login.sees(page):
        return False
    return token.page in (None, page)


def _check_is_readable(name: str, token: Token, version: str) -> None:
    if name not in FIELDS:
        raise unknown_field(name, "Page")
    if name in RETIRED_IN_V26 and version == "v26.0":
        raise GraphError(f"(#12) {name} is deprecated for versions v26.0 and higher", 12)
    if name not in WITHOUT_PERMISSION and "pages_read_engagement" not in token.scopes:
        raise bad_parameter(
            "Object does not exist, cannot be loaded due to missing permission or reviewable"
            " feature, or does not support this operation. This endpoint requires the"
            " 'pages_read_engagement' permission or the 'Page Public Content Access' feature."
        )


def _decoded(text: str) -> Any:
    """A form's text: JSON for objects and lists, else as it is."""
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            raise bad_parameter("A parameter holds broken JSON.") from None
    return text
