"""httpx's client for the outside world: by the proxy and the certificates of the environment."""

import ssl
from urllib.parse import urlsplit

import httpx

from fbsync.errors import SettingsError
from fbsync.settings.environment import LOOPBACK_HOSTS


def http_client(url: str, timeout: float | httpx.Timeout) -> httpx.Client:
    """A client for this address, with times in seconds. Raises SettingsError.

    A proxy of the environment is for the outside world, not for this machine's own servers.
    """
    parts = urlsplit(url)
    loopback = parts.hostname in LOOPBACK_HOSTS
    try:
        if loopback and parts.scheme == "http":  # reading the certificates takes 0.03 s
            trusts_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return httpx.Client(timeout=timeout, trust_env=False, verify=trusts_nobody)
        return httpx.Client(timeout=timeout, trust_env=not loopback)
    except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
        # Not with its text: a proxy's address may hold a password.
        raise SettingsError(
            f"The proxy or the certificates of this environment cannot be used:"
            f" {type(error).__name__}.\n"
            "See HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (http:// addresses),"
            " SSL_CERT_FILE and SSL_CERT_DIR."
        ) from None
