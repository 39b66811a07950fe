"""Ports of 127.0.0.1 that stay free until they are used, by a server that asks for a certain one.

They lie below those that the system gives to outgoing connections and to servers that ask for any,
and each of pytest's processes takes its own in turn.
"""

import itertools
import os
import secrets
import socket
from collections.abc import Iterator

PYTEST_PROCESSES = 16
TWIN = 10_000
"""How far SeaweedFS's second port, for gRPC, lies above the first."""


def free_port() -> int:
    """One port."""
    return next(port for port in _ports if _is_free(port))


def ports_with_twins(count: int) -> list[int]:
    """Ports whose twins are free as well."""
    found = (port for port in _ports_with_twins if _is_free(port) and _is_free(port + TWIN))
    return list(itertools.islice(found, count))


def _own(first: int, end: int) -> Iterator[int]:
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = range(first + process % PYTEST_PROCESSES, end, PYTEST_PROCESSES)
    start = secrets.randbelow(len(mine))  # two runs at once begin elsewhere
    return itertools.cycle([*mine[start:], *mine[:start]])


_ports = _own(10_000, 20_000)
_ports_with_twins = _own(20_000, 22_768)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
