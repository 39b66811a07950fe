"""Where a long-running command serves its health and metrics: `--metrics`."""

from dataclasses import dataclass

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9464
"""The port that OpenTelemetry's exporter for Prometheus has as its default."""


@dataclass(frozen=True)
class OperationsAddress:
    """`is_wish`: somebody asked for this very address, so it is an error where it is taken."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    is_wish: bool = False


def parse_operations_address(text: str | None) -> OperationsAddress | None:
    """HOST:PORT (an IPv6 host in brackets), None for the default, "off" for none at all.

    Raises ValueError.
    """
    if text is None:
        return OperationsAddress()
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not host or not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise ValueError("give HOST:PORT, such as 127.0.0.1:9464, or off")
    return OperationsAddress(host, int(port), is_wish=True)
