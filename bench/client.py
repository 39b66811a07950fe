"""The client under the load tests: keep-alive connections, each with one request under way.

It runs as a process of its own, with all requests built before the first is sent, so that it takes
as little as possible of what it measures. `python -m bench.client` reads an Order as JSON.
"""

import json
import selectors
import socket
import subprocess  # noqa: S404 - starts this very file
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import quantiles

from bench.events import bodies, request

_RECEIVED_AT_ONCE = 65_536
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Order:
    """What to send, and where. The first `warm_up` seconds do not count."""

    port: int
    path: str
    app_secret: str = field(repr=False)
    page_ids: Sequence[str]
    connections: int
    seconds: float
    warm_up: float
    first: int
    most: int


@dataclass(frozen=True)
class Load:
    """What came back while it counted; latencies in milliseconds. `failed` are not 200."""

    answers: int
    failed: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers with 200 a second."""
        return self.answers / self.seconds


def send(order: Order) -> Load:
    """Carry the order out in a process of its own."""
    ended = subprocess.run(  # noqa: S603 - see the import
        [sys.executable, "-m", "bench.client"],
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"The client failed: {ended.stderr.strip()}")
    return Load(**json.loads(ended.stdout))


class _Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._received = b""

    def ask(self, message: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(message)

    def answer(self) -> int | None:
        """The status, once the whole answer is there."""
        part = self.socket.recv(_RECEIVED_AT_ONCE)
        if not part:
            raise ConnectionError("The server closed a connection.")
        self._received += part
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            return None
        self._received = b""
        return int(head[9:12])


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0])


def run(order: Order) -> Load:
    """Send for as long as ordered, or until the requests are used up."""
    made = bodies(order.page_ids, order.first, order.most)
    waiting = [request(body, order.app_secret, order.path) for body in made]
    connections = [_Connection(order.port) for _ in range(order.connections)]
    selector = selectors.DefaultSelector()
    begin = time.perf_counter()
    counts_from, end = begin + order.warm_up, begin + order.warm_up + order.seconds
    taken: list[float] = []
    failed, now, open_requests = 0, begin, 0
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask(waiting.pop())
        open_requests += 1
    while open_requests:
        ready = selector.select(_PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError("The server does not answer.")
        for key, _ in ready:
            status = key.data.answer()
            if status is None:
                continue
            now = time.perf_counter()
            if counts_from <= now < end:
                failed += status != 200
                if status == 200:
                    taken.append(now - key.data.sent_at)
            if now < end and waiting:
                key.data.ask(waiting.pop())
            else:
                open_requests -= 1
    return _load(taken, failed, min(now, end) - counts_from)


def _load(taken: Sequence[float], failed: int, seconds: float) -> Load:
    cuts = quantiles(taken, n=100) if len(taken) > 1 else [0.0] * 99
    return Load(len(taken), failed, seconds, cuts[49] * 1000, cuts[98] * 1000)


if __name__ == "__main__":
    print(json.dumps(asdict(run(Order(**json.load(sys.stdin))))))
