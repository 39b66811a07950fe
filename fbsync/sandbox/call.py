"""One Graph API call, be it an HTTP request of its own or an item of a batch."""

import json
import re
from base64 import b64decode
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

_VERSION = re.compile(r"v[0-9]+\.[0-9]+")
_MAX_DIGITS = 18

RETIRED = frozenset({"pretty", "debug", "__debug__", "date_format", "metadata"})
"""Ignored since v25 and v26, on every call (facebook-business and Meta's blog on v26.0)."""

COMMON = RETIRED | {
    *("access_token", "appsecret_proof", "appsecret_time", "batch", "fields", "format"),
    *("include_headers", "locale", "method", "summary"),
}
"""Parameters of every call, which name no field of a node."""


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
    """Query and body as one; the body wins. A body is a form of either kind or a JSON object."""
    params = dict(parse_qsl(query, keep_blank_values=True))
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            values = read_json(body.decode("utf-8", "replace") or "{}")
        except ValueError:
            return params
        if isinstance(values, dict):
            params |= {name: as_text(value) for name, value in values.items()}
    elif kind == "multipart/form-data":
        params |= _read_multipart(body, content_type)
    else:
        params |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return params


def read_bearer(authorization: str) -> str | None:
    """The token of the header, as most clients send it."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def read_basic(authorization: str) -> dict[str, str]:
    """The app's credentials, where a client sends them so for an exchange (RFC 6749, 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = b64decode(encoded).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": unquote(name), "client_secret": unquote(secret)}


def read_list(text: str | None) -> list[str]:
    """A list as clients send it: JSON array or separated by commas."""
    if not text:
        return []
    if text.lstrip().startswith("["):
        try:
            return [str(item) for item in read_json(text)]
        except (ValueError, TypeError):
            return []
    return [part.strip() for part in text.split(",") if part.strip()]


def read_number(text: str) -> int | None:
    """A number of at most 18 digits; None for anything else."""
    fits = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if fits else None


def read_json(text: str | bytes) -> Any:
    """Raises ValueError, also where it is nested too deep or holds what cannot be sent on."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def as_text(value: object) -> str:
    """A parameter's value as a form would hold it."""
    return value if isinstance(value, str) else json.dumps(value)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _read_multipart(body: bytes, content_type: str) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    found = {}
    for part in message_from_bytes(head + body, policy=HTTP).iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content.decode("utf-8", "replace")
    return found
