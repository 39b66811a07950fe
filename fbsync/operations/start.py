"""How `listen` and `worker` come to their operator's server."""

import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext

from fbsync.errors import DatabaseUnavailable, FbsyncError
from fbsync.hallway.worker import Worker
from fbsync.listener import bind
from fbsync.logs.log import Log
from fbsync.operations.address import OperationsAddress
from fbsync.operations.metrics import Metrics
from fbsync.operations.readiness import Readiness
from fbsync.operations.server import OperationsServer
from fbsync.shutdown import Shutdown

_OTHER_ADDRESS = "Choose another address with --metrics HOST:PORT, or none with --metrics off."

Probe = Callable[[], Awaitable[None]]
"""Raises FbsyncError where the process cannot do its work now."""

STUCK_SECONDS = 120.0
"""How long a worker may be busy with one claim: slow reads and uploads of fifty pages."""


def operations(
    address: OperationsAddress | None,
    probe: Probe,
    metrics: Metrics,
    shutdown: Shutdown,
    log: Log,
) -> AbstractContextManager[object]:
    """The server, to be entered. Raises FbsyncError where an address that was wished for is taken.

    Where it is only the default one that is taken, as several commands run on one machine, the log
    says so, and nothing is served.
    """
    listening = _bind(address, log) if address else None
    if listening is None:
        return nullcontext()
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log.say(f"Health and metrics: http://{shown}:{port}/metrics", "started")
    readiness = Readiness(probe, lambda: shutdown.has_begun)
    return OperationsServer(listening, readiness, metrics.text, log.request)


def worker_probe(
    worker: Worker, probe: Callable[[], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    """The same probe, for a process that only mirrors: its worker must be at it, too."""

    async def probe_both() -> None:
        idle = time.monotonic() - worker.looked_at
        if idle > STUCK_SECONDS:
            raise DatabaseUnavailable(f"The worker has finished nothing for {idle:.0f} seconds.")
        await probe()

    return probe_both


def _bind(address: OperationsAddress, log: Log) -> socket.socket | None:
    try:
        return bind(address.host, address.port)
    except FbsyncError as error:
        told = str(error).partition("\n")[0]
        if address.is_wish:
            raise FbsyncError(f"{told}\n{_OTHER_ADDRESS}") from None
        log.warn(f"Health and metrics are not served: {told} {_OTHER_ADDRESS}")
        return None
