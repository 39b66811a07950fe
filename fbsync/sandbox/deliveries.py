"""Webhook deliveries: signed, sent, sent again if need be, and switched off in the end."""

import asyncio
import hashlib
import hmac
import json
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from fbsync.sandbox.events import Entry, bodies, entries_for
from fbsync.sandbox.world import World

_TRIES = 13
_AT_ONCE = 16
_KEPT = 10_000
_LONGEST_WAIT_TO_BE_OVERTAKEN = 1.0

# Meta signs and sends these escaped as well (Meta, "Webhooks: getting started", older editions).
_ESCAPES = {"/": "\\/", "<": "\\u003C", "%": "\\u0025", "@": "\\u0040"}


@dataclass
class DeliveryRecord:
    """One delivery as the tester sees it. `given_up`: no further try will be made."""

    page_ids: list[str]
    attempts: int = 0
    status: int | None = None
    error: str | None = None
    delivered: bool = False
    given_up: bool = False
    body: bytes = field(default=b"", repr=False)

    def shown(self) -> dict[str, Any]:
        return {
            "page_ids": self.page_ids,
            "attempts": self.attempts,
            "status": self.status,
            "error": self.error,
            "delivered": self.delivered,
            "given_up": self.given_up,
            "body": self.body.decode("ascii"),
        }


class Deliveries:
    """Sends on the server's event loop; what is not delivered when it ends is dropped.

    `switched_off` is called when failures have ended a subscription.
    """

    def __init__(self, world: World, switched_off: Callable[[], None] = lambda: None) -> None:
        self.records: list[DeliveryRecord] = []
        self._world = world
        self._switched_off = switched_off
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._collected: list[Entry] = []
        self._overtaken: asyncio.Event | None = None  # what a body waits for to be overtaken
        self._failing_since: float | None = None

    async def start(self) -> None:
        """Send from this loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._client = httpx.AsyncClient(trust_env=False)

    async def stop(self) -> None:
        """Drop what waits."""
        self._loop = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def tell_of(self, changed: dict[str, list[str]]) -> int:
        """Tell of changed fields by page, if wanted at both levels. How many bodies are sent."""
        switches = self._world.switches
        if switches.development_mode:
            return 0
        entries = entries_for(self._world, changed)
        if switches.collect_seconds and self._loop and entries:
            self._loop.call_soon_threadsafe(self._collect, entries)
            return 0
        return self._send_all(entries)

    def send(self, entries: list[Entry]) -> None:
        """Send one body with these entries; from any thread."""
        subscription = self._world.app_subscriptions.get("page")
        if subscription is None or self._loop is None:
            return
        switches = self._world.switches
        if switches.deliveries_out_of_order:
            entries = entries[::-1]
        body = escaped_json({"object": "page", "entry": entries})
        for _ in range(switches.delivery_copies):
            record = DeliveryRecord([entry["id"] for entry in entries], body=body)
            self.records = [*self.records[-_KEPT:], record]
            self._loop.call_soon_threadsafe(self._begin, record, subscription.callback_url)

    def _send_all(self, entries: list[Entry]) -> int:
        parts = list(bodies(entries))
        for part in parts:
            self.send(part)
        return len(parts)

    def _collect(self, entries: list[Entry]) -> None:
        if not self._collected:
            loop = asyncio.get_running_loop()
            loop.call_later(self._world.switches.collect_seconds, self._send_collected)
        self._collected += entries

    def _send_collected(self) -> None:
        entries, self._collected = self._collected, []
        self._send_all(entries)

    def _begin(self, record: DeliveryRecord, url: str) -> None:
        overtaken, was_tried = None, None
        if self._world.switches.deliveries_out_of_order and self._overtaken is None:
            overtaken = self._overtaken = asyncio.Event()
        else:
            was_tried, self._overtaken = self._overtaken, None
        task = asyncio.get_running_loop().create_task(
            self._deliver(record, url, overtaken, was_tried or asyncio.Event())
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(
        self,
        record: DeliveryRecord,
        url: str,
        overtaken: asyncio.Event | None,
        was_tried: asyncio.Event,
    ) -> None:
        """Anything but 200 is tried again: at once, then ever less often, then dropped."""
        switches = self._world.switches
        await asyncio.sleep(switches.delivery_delay_seconds)
        if overtaken is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(overtaken.wait(), _LONGEST_WAIT_TO_BE_OVERTAKEN)
        pause = switches.retry_first_seconds
        for number in range(1, _TRIES + 1):
            async with self._slots:
                await self._try(record, url)
            was_tried.set()
            outcome = "delivered" if record.delivered else record.error or f"HTTP {record.status}"
            print(f"webhook: {record.attempts}. try: {outcome}", file=sys.stderr)
            if record.delivered:
                self._failing_since = None
                return
            if self._has_failed_for_too_long() or number == _TRIES:
                self._switch_off(record.page_ids)
                break
            if number > 1:
                await asyncio.sleep(pause)
                pause *= 2
            if not self._is_on():
                break
        record.given_up = True

    def _is_on(self) -> bool:
        subscription = self._world.app_subscriptions.get("page")
        return subscription is not None and subscription.active

    async def _try(self, record: DeliveryRecord, url: str) -> None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Webhooks/1.0 (https://fb.me/webhooks)",
            "Accept": "*/*",
        }
        record.attempts += 1
        record.status, record.error = None, None
        seconds = self._world.switches.delivery_seconds
        try:
            signed = headers | signatures(record.body, self._world.app_secret)
            answer = await self._client.post(
                url, content=record.body, headers=signed, timeout=seconds
            )
        except httpx.HTTPError as error:
            record.error = type(error).__name__
        else:
            record.status = answer.status_code
            record.delivered = answer.status_code == 200

    def _has_failed_for_too_long(self) -> bool:
        now, limit = time.monotonic(), self._world.switches.switch_off_seconds
        if self._failing_since is None:
            self._failing_since = now
        return bool(limit) and now - self._failing_since >= limit

    def _switch_off(self, pages: list[str]) -> None:
        """On again by a POST to the level that was switched off (Meta, "App subscriptions")."""
        what = self._world.switches.switch_off
        with self._world.lock:
            subscription = self._world.app_subscriptions.get("page")
            if what == "app" and subscription is not None:
                subscription.active = False
            if what == "page":
                for page in pages:
                    self._world.page_subscriptions.pop(page, None)
        self._failing_since = None
        print(f"webhook: given up; what is switched off: {what}", file=sys.stderr)
        self._switched_off()


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
