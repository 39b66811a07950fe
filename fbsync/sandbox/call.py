"""One Graph API call, be it an HTTP request of its own or an item of a batch."""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

_VERSION = re.compile(r"v\d+\.\d+")


@dataclass(frozen=True)
class Call:
    """`version` is the one in the path, "" if there is none; `path` is the rest of it."""

    method: str
    version: str
    path: tuple[str, ...]
    params: dict[str, str] = field(repr=False)
    token: str | None = field(repr=False)
    base_url: str = ""

    @property
    def name(self) -> str:
        """The path as one text, such as "me/accounts"."""
        return "/".join(self.path)


def read_path(path: str) -> tuple[str, tuple[str, ...]]:
    """Version and segments; empty segments do not count, so a trailing slash is allowed."""
    segments = tuple(unquote(segment) for segment in path.split("/") if segment)
    if segments and _VERSION.fullmatch(segments[0]):
        return segments[0], segments[1:]
    return "", segments


def read_params(query: str, body: bytes, content_type: str) -> dict[str, str]:
    """Query and body as one; the body wins. A body is a form or a JSON object."""
    params = dict(parse_qsl(query, keep_blank_values=True))
    if content_type.startswith("application/json"):
        try:
            values = json.loads(body or b"{}")
        except ValueError:
            return params
        if isinstance(values, dict):
            params |= {name: _as_text(value) for name, value in values.items()}
    else:
        params |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return params


def read_list(text: str | None) -> list[str]:
    """A list as clients send it: JSON array or separated by commas."""
    if not text:
        return []
    if text.lstrip().startswith("["):
        try:
            return [str(item) for item in json.loads(text)]
        except (ValueError, TypeError):
            return []
    return [part.strip() for part in text.split(",") if part.strip()]


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
