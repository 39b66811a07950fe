"""One call to the Graph API over HTTP (httpx).

Tokens and proofs stand in headers and bodies, never in an address, because addresses end up in the
logs of proxies. A read needs its proof as a parameter, so reads go as a batch (Meta, "Batch
requests"), be it of one: the parameters then travel in the body of a POST.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx

from fbsync.environment import LOOPBACK_HOSTS
from fbsync.errors import (
    CallRefused,
    FbsyncError,
    GraphUnavailable,
    TemporaryFailure,
    TokenRefused,
)
from fbsync.graph_answer import Answer, decoded, read_item
from fbsync.graph_errors import error_from
from fbsync.graph_usage import Usage, read_usage
from fbsync.patience import DEFAULT_PATIENCE, Patience

MAX_BATCH = 50
"""Calls in one batch request (Meta, "Batch requests")."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
DEADLINE_SECONDS = 45.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Read:
    """A GET of one node or edge, such as "me/accounts", with the token that may read it.

    `method` may also be DELETE, which does no more the second time than the first.
    """

    path: str
    token: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    method: Literal["GET", "DELETE"] = "GET"


class GraphConnection:
    """A pool of connections to the Graph API. Redirects are never followed.

    Every method raises GraphUnavailable, RateLimited and the PermanentFailures of graph_errors.
    """

    def __init__(
        self,
        *,
        url: str,
        version: str,
        app_id: str,
        app_secret: str,
        patience: Patience = DEFAULT_PATIENCE,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.app_id = app_id
        self.app_token = f"{app_id}|{app_secret}"
        self._app_secret = app_secret
        self._version = version
        self._patience = patience
        self._warn = warn
        self._warned_of: set[str] = set()
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

    def post(
        self, path: str, params: Mapping[str, str], token: str | None, *, once: bool = False
    ) -> Answer:
        """One POST; `params` go into the form body. A token adds its header and its proof.

        It is sent again after a failure that passes, unless it is good for `once` only.
        """
        form = dict(params)
        headers = {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
            form["appsecret_proof"] = self._proof(token)
        waiting = self._patience.begin()
        while True:
            try:
                return self._post(path, form, headers)
            except TemporaryFailure as error:
                if once or not waiting.pause(error.retry_at):
                    raise

    def _post(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        sent = self._send(path, form, headers)
        # Some edges answer a bare `true` (Meta, "Page subscribed apps").
        answer = {"success": True} if sent.answer is True else sent.answer
        if sent.status != 200 or not isinstance(answer, dict) or "error" in answer:
            raise error_from(answer, sent.status, sent.usage)
        return Answer(answer, sent.version)

    def read(self, read: Read) -> Answer:
        """One read."""
        (answer,) = self.read_all([read])
        if isinstance(answer, FbsyncError):
            raise answer
        return answer

    def read_all(self, reads: Sequence[Read]) -> list[Answer | FbsyncError]:
        """Up to MAX_BATCH reads in one request; each has its own answer or its own failure.

        Those that failed in a way that passes, or that a slow batch left null, are asked for again,
        and only those (Meta, "Batch requests"). A throttled page waits for its own time: it comes
        back as RateLimited and holds up no other.
        """
        answers: dict[int, Answer | FbsyncError] = {}
        open_items = list(range(len(reads)))
        waiting = self._patience.begin()
        while True:
            whole: TemporaryFailure | None = None
            try:
                found = self._batch([reads[index] for index in open_items])
            except TemporaryFailure as error:
                whole, found = error, [error] * len(open_items)
            answers.update(zip(open_items, found, strict=True))
            open_items = [
                i for i in open_items if whole or isinstance(answers[i], GraphUnavailable)
            ]
            if not open_items or not waiting.pause(whole.retry_at if whole else None):
                break
        if whole and len(open_items) == len(reads):
            raise whole
        return [answers[index] for index in range(len(reads))]

    def read_each(self, reads: Mapping[_Key, Read]) -> Iterator[tuple[_Key, Answer | FbsyncError]]:
        """Any number of reads, each under a key; one request for each MAX_BATCH of them."""
        keys = list(reads)
        for start in range(0, len(keys), MAX_BATCH):
            part = keys[start : start + MAX_BATCH]
            yield from zip(part, self.read_all([reads[key] for key in part]), strict=True)

    def _batch(self, reads: Sequence[Read]) -> Sequence[Answer | FbsyncError]:
        items = [
            {"method": read.method, "relative_url": self._relative_url(read)} for read in reads
        ]
        form = {"batch": json.dumps(items), "appsecret_proof": self._proof(self.app_token)}
        sent = self._send("", form, {"Authorization": f"Bearer {self.app_token}"})
        answer = sent.answer
        if sent.status != 200 or not isinstance(answer, list) or len(answer) != len(reads):
            raise _app_refused(error_from(answer, sent.status, sent.usage))
        return [read_item(item, sent.version) for item in answer]

    def _relative_url(self, read: Read) -> str:
        secret = {"access_token": read.token, "appsecret_proof": self._proof(read.token)}
        return f"{read.path}?{urlencode({**read.params, **secret})}"

    def _proof(self, token: str) -> str:
        """Meta, "Secure requests": the hex HMAC-SHA256 of the token under the app secret."""
        return hmac.new(self._app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()

    def _send(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> "_Sent":
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
        self._check_version(version)
        return _Sent(
            response.status_code, decoded(bytes(body)), version, read_usage(response.headers)
        )

    def _check_version(self, answered: str) -> None:
        """An expired version is answered as the oldest usable one (Meta, "Platform versioning")."""
        if answered == self._version or answered in self._warned_of:
            return
        self._warned_of.add(answered)
        self._warn(
            f"Facebook answered as {answered}, not as {self._version}: that version"
            " has probably expired.\nSet FACEBOOK_GRAPH_VERSION to a newer one."
        )


@dataclass(frozen=True)
class _Sent:
    """What came back: the HTTP status, the JSON (None if it is none), version and usage."""

    status: int
    answer: object
    version: str
    usage: Usage


def _app_refused(error: FbsyncError) -> FbsyncError:
    """A batch goes out under the app's own token, so a refused token means wrong settings."""
    if not isinstance(error, TokenRefused):
        return error
    said = str(error).partition("\n")[0]
    return CallRefused(f"{said}\nFACEBOOK_APP_ID and FACEBOOK_APP_SECRET do not fit together.")
