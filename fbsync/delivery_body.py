"""What a kept body says, for the operator who asks. Nothing is acted on, and any bytes will do."""

import json


def pretty(body: bytes) -> str:
    """The body's JSON, indented; the bytes as text where it cannot be read."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def changed_fields(body: bytes) -> dict[str, list[str]]:
    """The names of the fields that changed, by the id of the page, as far as the body tells.

    They stand in `changes`, or, where values were not asked for, in `changed_fields` (Meta,
    "Webhooks: getting started").
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, list[str]] = {}
    for entry in _objects(payload.get("entry") if isinstance(payload, dict) else None):
        if entry.get("id") is None:
            continue
        names = found.setdefault(str(entry["id"]), [])
        listed = entry.get("changed_fields")
        told = [change.get("field") for change in _objects(entry.get("changes"))]
        told += listed if isinstance(listed, list) else []
        names += [name for name in dict.fromkeys(map(str, told)) if name not in names]
    return found


def _objects(values: object) -> list[dict[str, object]]:
    items = values if isinstance(values, list) else []
    return [item for item in items if isinstance(item, dict)]
