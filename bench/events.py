"""Deliveries as Meta sends them: signed, each a distinct body of about 300 bytes."""

import json
import time
from collections.abc import Iterator, Sequence

from fbsync import webhook

_VALUE = (
    "Open daily from seven in the morning, on Sundays from nine; the terrace opens at noon. Bread,"
    " cake and coffee from our own oven since 1921. No reservations, dogs are welcome."
)


def bodies(page_ids: Sequence[str], first: int, count: int) -> Iterator[bytes]:
    """Bodies that name one page each, in turn. `first` numbers them, so that runs differ."""
    now = int(time.time())
    for number in range(first, first + count):
        change = {"field": "description", "value": f"{_VALUE} Edition {number}."}
        entry = {"id": page_ids[number % len(page_ids)], "time": now, "changes": [change]}
        yield json.dumps({"object": "page", "entry": [entry]}, separators=(",", ":")).encode()


def request(body: bytes, app_secret: str, path: str) -> bytes:
    """The whole HTTP request, with the headers that Meta sends."""
    headers = {
        "Host": "mirror.example",
        "User-Agent": "facebookexternalua",
        "Accept": "*/*",
        "Accept-Encoding": "deflate, gzip",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **webhook.sign(body, app_secret),
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
