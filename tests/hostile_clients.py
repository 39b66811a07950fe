"""Many clients that hold their connections: silent, half a head, or a body of a byte a second.

    python -m tests.hostile_clients PORT SECONDS SILENT HEADERS BODIES

Each comes again when it was closed, until the seconds are over or nobody listens any more, and then
waits for its last end. Prints, as JSON, how many connections of each kind were closed, and how long
the longest one was held.
"""

import asyncio
import json
import resource
import sys
import time

HEAD = b"POST /facebook/webhook HTTP/1.1\r\nHost: localhost\r\n"
FIRST = {
    "silent": b"",
    "headers": HEAD + b"X-Hub-Signature-256: sha256=",
    "bodies": HEAD + b"Content-Length: 1000\r\n\r\n",
}


async def hold(kind: str, port: int) -> float:
    """One connection, until it is closed: for how many seconds. Raises ConnectionRefusedError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    try:
        writer.write(FIRST[kind])
        while True:
            try:
                if not await asyncio.wait_for(reader.read(65536), 1.0):
                    break
            except TimeoutError:
                writer.write(b"x" if kind == "bodies" else b"")
    except ConnectionError:
        pass  # a reset is an end too
    finally:
        writer.close()
    return time.monotonic() - began


async def come_again(kind: str, port: int, until: float, held: list[float]) -> None:
    """Hold one connection after the other."""
    while time.monotonic() < until:
        try:
            held.append(await hold(kind, port))
        except ConnectionRefusedError:
            return
        except OSError:
            pass  # reset before it was accepted
        await asyncio.sleep(0.25)


async def main() -> None:
    port, seconds, *counts = (int(word) for word in sys.argv[1:])
    until = time.monotonic() + seconds
    held: dict[str, list[float]] = {kind: [] for kind in FIRST}
    async with asyncio.TaskGroup() as group:
        for kind, count in zip(FIRST, counts, strict=True):
            for _ in range(count):
                group.create_task(come_again(kind, port, until, held[kind]))
                await asyncio.sleep(0.0005)
    found = {
        kind: {"closed": len(times), "longest": max(times, default=0.0)}
        for kind, times in held.items()
    }
    print(json.dumps(found))


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main())
