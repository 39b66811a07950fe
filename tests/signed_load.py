"""Many connections that send signed deliveries all the time, as Meta does: again until the 200."""

import asyncio
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from fbsync.listening.application import WEBHOOK_PATH
from fbsync.webhook import sign

_DUPLICATES = 0.1
_CHANGES = 0.2
_KEPT = 1000


class SignedLoad:
    """Runs in a thread of its own while it is entered; on leaving, all is sent that was begun.

    `change` is given a page and a text that is new, before the delivery that tells of it. Each
    connection goes to one of the ports. `acknowledged` has the SHA-256 of each body that was
    answered with 200.
    """

    def __init__(
        self,
        ports: Sequence[int],
        secret: str,
        pages: Sequence[str],
        change: Callable[[str, str], object],
        chance: Random,
        *,
        connections: int = 64,
        pause_seconds: float = 0.4,
    ) -> None:
        self.acknowledged: set[str] = set()
        self.answers = 0
        self._ports, self._secret, self._pages, self._change = ports, secret, pages, change
        self._connections, self._pause = connections, pause_seconds
        self._chance = chance
        self._number = 0
        self._again: deque[bytes] = deque()
        self._sent: deque[bytes] = deque(maxlen=_KEPT)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")

    def __enter__(self) -> "SignedLoad":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(*(self._connection() for _ in range(self._connections)))

    async def _connection(self) -> None:
        while (body := self._next()) is not None:
            with suppress(OSError, EOFError, asyncio.IncompleteReadError):
                body = await self._exchange(body)
            if body is not None:  # not answered with 200
                self._again.append(body)
                await asyncio.sleep(0.1)

    async def _exchange(self, body: bytes | None) -> bytes | None:
        """Send one body after the other; the one that was refused, or None at the end."""
        port = self._chance.choice(self._ports)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while body is not None:
                writer.write(self._request(body))
                status = await _status(reader)
                if status != 200:
                    return body
                self.answers += 1
                self.acknowledged.add(hashlib.sha256(body).hexdigest())
                await asyncio.sleep(self._chance.uniform(0, self._pause))
                body = self._next()
            return None
        except (OSError, EOFError):
            return body
        finally:
            writer.close()

    def _next(self) -> bytes | None:
        if self._again:
            return self._again.popleft()
        if self._ends.is_set():
            return None
        if self._sent and self._chance.random() < _DUPLICATES:
            return self._chance.choice(self._sent)
        self._number += 1
        page = self._chance.choice(self._pages)
        if self._chance.random() < _CHANGES:
            self._change(page, f"Name {self._number}")
        entry = {"id": page, "time": self._number, "changes": [{"field": "name"}]}
        body = json.dumps({"object": "page", "entry": [entry]}).encode()
        self._sent.append(body)
        return body

    def _request(self, body: bytes) -> bytes:
        headers = {
            "Host": "localhost",
            "Content-Length": str(len(body)),
            **sign(body, self._secret),
        }
        lines = [f"POST {WEBHOOK_PATH} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


async def _status(reader: asyncio.StreamReader) -> int:
    """Read one answer; its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = head.partition("content-length: ")[2].partition("\r\n")[0]
    await reader.readexactly(int(length or 0))
    return int(head.split()[1])
