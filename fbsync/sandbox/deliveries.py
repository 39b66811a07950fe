"""Webhook deliveries: what a change sends to the callback, signed, and sent again if need be."""

import asyncio
import hashlib
import hmac
import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from fbsync.sandbox.subscriptions import wanted_fields
from fbsync.sandbox.webhook_fields import webhook_field
from fbsync.sandbox.world import World

MAX_UPDATES = 1000
"""Updates in one request (Meta, "Webhooks: getting started")."""

_SECONDS = 10.0
_TRIES = 12
_AT_ONCE = 16
_KEPT = 10_000

# Meta signs and sends these escaped as well (Meta, "Webhooks: getting started", older editions).
_ESCAPES = {"/": "\\/", "<": "\\u003C", "%": "\\u0025", "@": "\\u0040"}


@dataclass
class DeliveryRecord:
    """One delivery as the tester sees it."""

    page_ids: list[str]
    attempts: int = 0
    status: int | None = None
    error: str | None = None
    delivered: bool = False
    body: bytes = field(default=b"", repr=False)

    def shown(self) -> dict[str, Any]:
        return {
            "page_ids": self.page_ids,
            "attempts": self.attempts,
            "status": self.status,
            "error": self.error,
            "delivered": self.delivered,
            "body": self.body.decode("ascii"),
        }


class Deliveries:
    """Sends on the server's event loop; what is not delivered when it ends is dropped."""

    def __init__(self, world: World) -> None:
        self.records: list[DeliveryRecord] = []
        self._world = world
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Send from this loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._client = httpx.AsyncClient(timeout=_SECONDS, trust_env=False)

    async def stop(self) -> None:
        """Drop what waits."""
        self._loop = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def tell_of(self, changed: dict[str, list[str]]) -> int:
        """Tell of changed fields by page, if wanted at both levels. How many bodies are sent."""
        if self._world.switches.development_mode:
            return 0
        entries = [entry for page, names in changed.items() if (entry := self._entry(page, names))]
        for start in range(0, len(entries), MAX_UPDATES):
            self.send(entries[start : start + MAX_UPDATES])
        return -(-len(entries) // MAX_UPDATES)

    def send(self, entries: list[dict[str, Any]]) -> None:
        """Send one body with these entries; from any thread."""
        subscription = self._world.app_subscriptions.get("page")
        if subscription is None or self._loop is None:
            return
        body = escaped_json({"object": "page", "entry": entries})
        record = DeliveryRecord([entry["id"] for entry in entries], body=body)
        self.records = [*self.records[-_KEPT:], record]
        self._loop.call_soon_threadsafe(self._begin, record, subscription.callback_url)

    def _begin(self, record: DeliveryRecord, url: str) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(record, url))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _entry(self, page: str, names: list[str]) -> dict[str, Any] | None:
        wanted = wanted_fields(self._world, page)
        facts = self._world.page(page) or {}
        told = {hook: name for name in names if (hook := webhook_field(name)) in wanted and hook}
        if not told:
            return None
        entry: dict[str, Any] = {"id": page, "time": int(time.time())}
        if self._world.app_subscriptions["page"].include_values:
            entry["changes"] = [
                {"field": hook} | ({"value": facts[name]} if name in facts else {})
                for hook, name in told.items()
            ]
        else:
            entry["changed_fields"] = list(told)
        return entry

    async def _deliver(self, record: DeliveryRecord, url: str) -> None:
        """Anything but 200 is tried again: at once, then ever less often, then dropped."""
        pause = self._world.switches.retry_first_seconds
        for number in range(1, _TRIES + 1):
            async with self._slots:
                await self._try(record, url)
            outcome = "delivered" if record.delivered else record.error or f"HTTP {record.status}"
            print(f"webhook: {record.attempts}. try: {outcome}", file=sys.stderr)
            if record.delivered:
                return
            if number > 1:
                await asyncio.sleep(pause)
                pause *= 2

    async def _try(self, record: DeliveryRecord, url: str) -> None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Webhooks/1.0 (https://fb.me/webhooks)",
            "Accept": "*/*",
        }
        record.attempts += 1
        record.status, record.error = None, None
        try:
            signed = headers | signatures(record.body, self._world.app_secret)
            answer = await self._client.post(url, content=record.body, headers=signed)
        except httpx.HTTPError as error:
            record.error = type(error).__name__
        else:
            record.status = answer.status_code
            record.delivered = answer.status_code == 200


def escaped_json(value: object) -> bytes:
    """ASCII only, lower-case escapes, and four more characters escaped: what Meta signs."""
    text = json.dumps(value, separators=(",", ":"))
    return re.sub(r"[/<%@]", lambda found: _ESCAPES[found[0]], text).encode("ascii")


def signatures(body: bytes, app_secret: str) -> dict[str, str]:
    """Both headers, over the raw body (Meta, "Webhooks: getting started")."""
    key = app_secret.encode()
    return {
        "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }
