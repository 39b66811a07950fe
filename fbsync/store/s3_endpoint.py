"""An S3 server, such as Spaces in one region: where it is, and who we are there."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

_USUAL_PORTS = {"http": 80, "https": 443}

CONNECTIONS = 50
"""More than our uploads need: a mirror is read by as many threads as its host has. One is opened
only where all others are in use, and 50 come near to what one bucket of Spaces allows a second."""


@dataclass(frozen=True)
class S3Endpoint:
    """`address` is its URL; with `path_style`, it has the bucket in the path, not in the host.

    `connections` is how many threads may use it at once; any more wait. `ca_file` is a PEM file of
    certificates to trust, None for the usual ones. `is_glance`: somebody waits who only wants to
    know whether it answers, so it gets little time.
    """

    region: str
    address: str
    access_key: str
    secret_key: str = field(repr=False)
    path_style: bool = False
    connections: int = CONNECTIONS
    ca_file: str | None = None
    is_glance: bool = False

    @property
    def server(self) -> str:
        """Which server it is: its host, with port and path where they are not the usual ones.

        Not how it is spoken to: with TLS or without, with the bucket in the host or in the path.
        """
        parts = urlsplit(self.address)
        host = (parts.hostname or "").rstrip(".")
        port = "" if parts.port in (None, _USUAL_PORTS.get(parts.scheme)) else f":{parts.port}"
        path = parts.path.rstrip("/")
        return f"[{host}]{port}{path}" if ":" in host else f"{host}{port}{path}"

    @property
    def verify(self) -> str | bool:
        """As botocore takes it; None would let the machine's AWS_CA_BUNDLE decide."""
        return self.ca_file or True
