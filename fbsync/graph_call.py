"""One call to the Graph API over HTTP (httpx).

Tokens and proofs stand in headers and bodies, never in an address, because addresses end up in the
logs of proxies. A read needs its proof as a parameter, so reads go as a batch (Meta, "Batch
requests"), be it of one: the parameters then travel in the body of a POST.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from fbsync.environment import LOOPBACK_HOSTS
from fbsync.errors import CallRefused, FbsyncError, GraphUnavailable, TokenRefused
from fbsync.graph_errors import error_from

MAX_BATCH = 50
"""Calls in one batch request (Meta, "Batch requests")."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
DEADLINE_SECONDS = 45.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ROUNDS = 3  # how often an item that Meta did not finish is asked for


@dataclass(frozen=True)
class Read:
    """A GET of one node or edge, such as "me/accounts", with the token that may read it."""

    path: str
    token: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A successful answer's JSON object, and the Graph API version that really answered."""

    data: dict[str, Any]
    version: str


class GraphConnection:
    """A pool of connections to the Graph API. Redirects are never followed.

    Every method raises GraphUnavailable, RateLimited and the PermanentFailures of graph_errors.
    """

    def __init__(self, *, url: str, version: str, app_id: str, app_secret: str) -> None:
        self.app_id = app_id
        self.app_token = f"{app_id}|{app_secret}"
        self._app_secret = app_secret
        self._version = version
        self._base = f"{url}/{version}"
        # A proxy of the environment is for the outside world, not for a sandbox on this machine.
        loopback = urlsplit(url).hostname in LOOPBACK_HOSTS
        self._client = httpx.Client(timeout=_TIMEOUT, trust_env=not loopback)

    def __enter__(self) -> "GraphConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def post(self, path: str, params: Mapping[str, str], token: str | None) -> Answer:
        """One POST; `params` go into the form body. A token adds its header and its proof."""
        form = dict(params)
        headers = {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
            form["appsecret_proof"] = self._proof(token)
        status, answer, version = self._send(path, form, headers)
        if status != 200 or not isinstance(answer, dict) or "error" in answer:
            raise error_from(answer, status)
        return Answer(answer, version)

    def read(self, read: Read) -> Answer:
        """One read."""
        (answer,) = self.read_all([read])
        if isinstance(answer, FbsyncError):
            raise answer
        return answer

    def read_all(self, reads: Sequence[Read]) -> list[Answer | FbsyncError]:
        """Up to MAX_BATCH reads in one request; each has its own answer or its own failure.

        A slow batch leaves items null; those alone are asked for again (Meta, "Batch requests").
        """
        answers: list[Answer | FbsyncError | None] = [None] * len(reads)
        for _ in range(_ROUNDS):
            open_items = [index for index, answer in enumerate(answers) if answer is None]
            if not open_items:
                break
            found = self._batch([reads[index] for index in open_items])
            for index, answer in zip(open_items, found, strict=True):
                answers[index] = answer
        unfinished = GraphUnavailable("Facebook did not finish the read in time.\nTry again later.")
        return [answer or unfinished for answer in answers]

    def _batch(self, reads: Sequence[Read]) -> list[Answer | FbsyncError | None]:
        items = [{"method": "GET", "relative_url": self._relative_url(read)} for read in reads]
        form = {
            "batch": json.dumps(items),
            "include_headers": "false",
            "appsecret_proof": self._proof(self.app_token),
        }
        status, answer, version = self._send(
            "", form, {"Authorization": f"Bearer {self.app_token}"}
        )
        if status != 200 or not isinstance(answer, list) or len(answer) != len(reads):
            raise _app_refused(error_from(answer, status))
        return [_item(item, version) for item in answer]

    def _relative_url(self, read: Read) -> str:
        secret = {"access_token": read.token, "appsecret_proof": self._proof(read.token)}
        return f"{read.path}?{urlencode({**read.params, **secret})}"

    def _proof(self, token: str) -> str:
        """Meta, "Secure requests": the hex HMAC-SHA256 of the token under the app secret."""
        return hmac.new(self._app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()

    def _send(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, object, str]:
        """POST a form: the HTTP status, the JSON (None if it is none), and the version."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        body = bytearray()
        try:
            with self._client.stream(
                "POST", f"{self._base}/{path}", data=form, headers=headers
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                        raise GraphUnavailable("Facebook's answer is too long or too slow.")
        except httpx.HTTPError as error:
            raise GraphUnavailable(
                f"Facebook cannot be reached at {self._base}: {type(error).__name__}.\n"
                "Check the network, FACEBOOK_GRAPH_URL and your proxy settings."
            ) from None
        version = response.headers.get("facebook-api-version", self._version)
        return response.status_code, _decoded(bytes(body)), version


def _app_refused(error: FbsyncError) -> FbsyncError:
    """A batch goes out under the app's own token, so a refused token means wrong settings."""
    if not isinstance(error, TokenRefused):
        return error
    said = str(error).partition("\n")[0]
    return CallRefused(f"{said}\nFACEBOOK_APP_ID and FACEBOOK_APP_SECRET do not fit together.")


def _item(item: object, version: str) -> Answer | FbsyncError | None:
    if item is None:
        return None
    if not isinstance(item, dict) or not isinstance(item.get("code"), int):
        return error_from(None, 200)
    data = _decoded(item.get("body"))
    if item["code"] != 200 or not isinstance(data, dict) or "error" in data:
        return error_from(data, item["code"])
    return Answer(data, version)


def _decoded(body: object) -> object:
    if not isinstance(body, (str, bytes)):
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
