"""`fbsync listen` beside clients that hold their connections.

    python -m tests.hostile                     as in a rehearsal: 1,000, 500 and 500, for 60 s
    python -m tests.hostile --files 256         where the process may open so few files

Honest clients send signed deliveries meanwhile, half of them over a new connection each time. At
the end the listener gets SIGTERM with the hostile ones attached. The status is 1 if an honest
request failed, if a hostile one was not closed in time, or if the listener did not end in order.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from statistics import quantiles

from tests.fbsync_process import listener, log_text
from tests.ports import free_port

SECRET = "0123456789abcdef" * 2
CLOSED_SECONDS = 15.0
END_SECONDS = 10.0
SETTINGS = {
    "FACEBOOK_APP_ID": "123456789012345",
    "FACEBOOK_APP_SECRET": SECRET,
    "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
    "FACEBOOK_GRAPH_URL": "http://127.0.0.1:9",
    "FBSYNC_STORE_DIR": "store",
    "FBSYNC_DATABASE_URL": "sqlite:///f.sqlite3",
}


@dataclass
class Attack:
    """What is done, and what comes of it."""

    silent: int = 1000
    headers: int = 500
    bodies: int = 500
    seconds: int = 60
    honest: int = 8
    rate: float = 100.0
    files: int = 0


@dataclass
class Found:
    """What came of it; times in seconds."""

    answered: int = 0
    renewed: int = 0
    failed: list[str] = field(default_factory=list)
    p50: float = 0.0
    p99: float = 0.0
    longest: float = 0.0
    hostile: dict[str, dict[str, float]] = field(default_factory=dict)
    end_seconds: float = 0.0
    end_status: int | None = None
    lines: int = 0
    tracebacks: int = 0

    def faults(self) -> list[str]:
        """What must not be."""
        found = [f"an honest request failed: {text}" for text in self.failed[:10]]
        for kind, seen in self.hostile.items():
            if seen["longest"] > CLOSED_SECONDS:
                found.append(f"{kind}: one was held for {seen['longest']:.1f} s")
        if self.end_status != 0 or self.end_seconds > END_SECONDS:
            found.append(f"ended with {self.end_status} after {self.end_seconds:.1f} s")
        if self.tracebacks:
            found.append("a traceback in the log")
        return found


def delivery(number: int) -> bytes:
    """A signed request that no other equals."""
    entry = {"id": str(1 + number % 50), "time": number, "changes": [{"field": "name"}]}
    body = json.dumps({"object": "page", "entry": [entry]}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        "POST /facebook/webhook HTTP/1.1\r\nHost: localhost\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Honest:
    """Clients that send at a steady rate together and note each answer."""

    def __init__(self, port: int, attack: Attack) -> None:
        self.times: list[float] = []
        self.failed: list[str] = []
        self._port = port
        self._pause = attack.honest / attack.rate
        self._until = time.monotonic() + attack.seconds
        self._number = 0
        self._kept: dict[object, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self.renewed = 0

    async def run(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for place in range(count):
                group.create_task(self._send_again_and_again(keeps=place % 2 == 0))
                await asyncio.sleep(self._pause / count)
        for _, writer in self._kept.values():
            await hang_up(writer)

    async def _send_again_and_again(self, *, keeps: bool) -> None:
        while time.monotonic() < self._until:
            self._number += 1
            began = time.monotonic()
            try:
                head = await self._ask(delivery(self._number), keeps)
                if b" 200 " not in head.split(b"\r\n")[0]:
                    self.failed.append(head.decode())
            except (OSError, EOFError) as error:
                self.failed.append(f"{error!r}, {'kept' if keeps else 'new'}")
            self.times.append(time.monotonic() - began)
            await asyncio.sleep(max(0.0, self._pause - (time.monotonic() - began)))

    async def _ask(self, sent: bytes, keeps: bool) -> bytes:
        """The headers of the answer. A kept connection that was closed meanwhile is made anew."""
        place = asyncio.current_task()
        kept = self._kept.pop(place, None)
        reader, writer = kept or await asyncio.open_connection("127.0.0.1", self._port)
        try:
            head = await ask(reader, writer, sent)
        except (OSError, EOFError):
            await hang_up(writer)
            if not kept:
                raise
            self.renewed += 1
            return await self._ask(sent, keeps)
        if keeps and time.monotonic() + self._pause < self._until:
            self._kept[place] = reader, writer
        else:
            await hang_up(writer)
        return head


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> bytes:
    """Send a request and read its whole answer; its headers."""
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head


def rehearse(attack: Attack) -> Found:
    """In the current folder."""
    found, port = Found(), free_port()
    program = ("tests.few_files", str(attack.files)) if attack.files else ("fbsync",)
    counts = [attack.silent, attack.headers, attack.bodies]
    with listener(port, program, **SETTINGS) as listening:
        clients = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile_clients"]
            + [str(number) for number in (port, attack.seconds + 60, *counts)],
            stdout=subprocess.PIPE,
        )
        honest = Honest(port, attack)
        asyncio.run(honest.run(attack.honest))
        began = time.monotonic()
        listening.send_signal(signal.SIGTERM)
        found.end_status = listening.wait(60)
        found.end_seconds = time.monotonic() - began
        said, _ = clients.communicate(timeout=60)
    found.hostile = json.loads(said)
    found.answered, found.failed = len(honest.times) - len(honest.failed), honest.failed
    found.renewed = honest.renewed
    cuts = quantiles(honest.times, n=100)
    found.p50, found.p99, found.longest = cuts[49], cuts[98], max(honest.times)
    log = log_text()
    found.lines, found.tracebacks = log.count("\n"), log.count("Traceback")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, value in asdict(Attack()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    attack = Attack(**vars(parser.parse_args()))
    os.environ["PYTHONPATH"] = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="hostile") as folder:
        os.chdir(folder)
        found = rehearse(attack)
    shown = asdict(found) | {"failed": len(found.failed), "faults": found.faults()}
    print(json.dumps(shown, indent=2))
    return 1 if found.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
