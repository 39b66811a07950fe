"""One request to the Graph API over HTTP (httpx): bounded in time and size, never redirected."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from fbsync.errors import GraphUnavailable
from fbsync.graph.answer import decoded
from fbsync.graph.deadline import within
from fbsync.graph.usage import Usage, read_usage
from fbsync.http_client import http_client

MAX_ANSWER_BYTES = 32 * 1024 * 1024
DEADLINE_SECONDS = 45.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


@dataclass(frozen=True)
class Sent:
    """What came back: the HTTP status, the JSON (None if it is none), version and usage."""

    status: int
    answer: object
    version: str
    usage: Usage


class GraphHttp:
    """A pool of connections to one version of the Graph API.

    Raises SettingsError for a proxy or certificates that cannot be used.
    `warn` is told where another version answers; `answered` the HTTP status of each answer, or
    "none" where there was none.
    """

    def __init__(
        self,
        url: str,
        version: str,
        warn: Callable[[str], None],
        answered: Callable[[str], None] = lambda status: None,
    ) -> None:
        self._version = version
        self._warn = warn
        self._answered = answered
        self._warned_of: set[str] = set()
        self._base = f"{url}/{version}"
        self._client = http_client(url, _TIMEOUT)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def post(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str], caller: str = ""
    ) -> Sent:
        """Send the form; whatever is answered comes back. Raises GraphUnavailable.

        `caller` is the id of the page or person whose token is used.
        """
        status = "none"
        try:
            response, body = within(DEADLINE_SECONDS, lambda: self._exchange(path, form, headers))
            status = str(response.status_code)
        except TimeoutError:
            raise GraphUnavailable("Facebook's answer is too slow.\nTry again later.") from None
        except httpx.HTTPError as error:
            unreachable = GraphUnavailable(
                f"Facebook cannot be reached at {self._base}: {type(error).__name__}.\n"
                "Check the network, FACEBOOK_GRAPH_URL and your proxy settings."
            )
            unreachable.of_app = True  # no other call would fare better
            raise unreachable from None
        finally:
            self._answered(status)
        version = response.headers.get("facebook-api-version", self._version)
        self._check_version(version)
        usage = read_usage(response.headers, caller)
        return Sent(response.status_code, decoded(body), version, usage)

    def _exchange(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[httpx.Response, bytes]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        body = bytearray()
        url = f"{self._base}/{path}"
        with self._client.stream("POST", url, data=form, headers=headers) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise GraphUnavailable("Facebook's answer is too long.\nTry again later.")
                if time.monotonic() > deadline:  # nobody waits any more
                    raise TimeoutError
        return response, bytes(body)

    def _check_version(self, answered: str) -> None:
        """An expired version is answered as the oldest usable one (Meta, "Platform versioning")."""
        if answered == self._version or answered in self._warned_of:
            return
        self._warned_of.add(answered)
        self._warn(
            f"Facebook answered as {answered}, not as {self._version}: that version"
            " has probably expired.\nSet FACEBOOK_GRAPH_VERSION to a newer one."
        )
