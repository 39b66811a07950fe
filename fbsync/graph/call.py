"""Calls to the Graph API: signed, in batches, tried again, within the shared budget.

Tokens and proofs stand in headers and bodies, never in an address, because addresses end up in the
logs of proxies. A read needs its proof as a parameter, so reads go as a batch (Meta, "Batch
requests"), be it of one: the parameters then travel in the body of a POST.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from fbsync.errors import (
    CallRefused,
    DatabaseUnavailable,
    FbsyncError,
    GraphUnavailable,
    RateLimited,
    TokenRefused,
)
from fbsync.graph.answer import Answer, as_object, read_item
from fbsync.graph.budget import APP_LIMIT, Budget, NoBudget, caller_of, joined, limits_seen
from fbsync.graph.errors import error_from
from fbsync.graph.http import GraphHttp
from fbsync.graph.read import Read, appsecret_proof
from fbsync.graph.usage import Usage
from fbsync.patience import DEFAULT_PATIENCE, Patience, Waiting

MAX_BATCH = 50
"""Calls in one batch request (Meta, "Batch requests")."""

_Key = TypeVar("_Key")
_PASSING = (GraphUnavailable, RateLimited)


class GraphConnection:
    """The Graph API for one app.

    Every method raises GraphUnavailable, RateLimited and the PermanentFailures of graph.errors.
    """

    def __init__(
        self,
        *,
        url: str,
        version: str,
        app_id: str,
        app_secret: str,
        patience: Patience = DEFAULT_PATIENCE,
        budget: Budget | None = None,
        warn: Callable[[str], None] = lambda text: None,
        answered: Callable[[str], None] = lambda status: None,
    ) -> None:
        self.app_id = app_id
        self.app_token = f"{app_id}|{app_secret}"
        self._app_secret = app_secret
        self._patience = patience
        self._budget = budget or NoBudget()
        self._warn = warn
        self._http = GraphHttp(url, version, warn, answered)

    def __enter__(self) -> "GraphConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def post(
        self,
        path: str,
        params: Mapping[str, str],
        token: str | None,
        *,
        limit: str = APP_LIMIT,
        once: bool = False,
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
                return self._post(path, form, headers, limit)
            except _PASSING as error:
                if once or not waiting.pause(error.retry_at):
                    raise

    def _post(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str], limit: str
    ) -> Answer:
        closed = self._budget.begin([limit])
        if limit in closed:
            raise closed[limit]
        sent = self._http.post(path, form, headers, caller_of(limit))
        answer = as_object(sent.answer)
        if sent.status == 200 and isinstance(answer, dict) and "error" not in answer:
            self._note([(limit, sent.usage, None)])
            return Answer(answer, sent.version)
        error = error_from(answer, sent.status, sent.usage)
        self._note([(limit, sent.usage, error)])
        raise error

    def read(self, read: Read) -> Answer:
        """One read. A throttle that passes soon is waited for."""
        waiting = self._patience.begin()
        while True:
            (answer,) = self._read_all([read], waiting)
            if isinstance(answer, Answer):
                return answer
            if not isinstance(answer, RateLimited) or not waiting.pause(answer.retry_at):
                raise answer

    def delete(
        self,
        path: str,
        token: str,
        params: Mapping[str, str] | None = None,
        *,
        limit: str = APP_LIMIT,
    ) -> Answer:
        """One DELETE. Token and proof travel in a body, as for a read."""
        return self.read(Read(path, token, params or {}, limit, "DELETE"))

    def read_all(self, reads: Sequence[Read]) -> list[Answer | FbsyncError]:
        """Up to MAX_BATCH reads in one request; each has its own answer or its own failure.

        Those that failed in a way that passes, or that a slow batch left null, are asked for again,
        and only those (Meta, "Batch requests"). A throttled page waits for its own time: it comes
        back as RateLimited and holds up no other.
        """
        return self._read_all(reads, self._patience.begin())

    def _read_all(self, reads: Sequence[Read], waiting: Waiting) -> list[Answer | FbsyncError]:
        answers: dict[int, Answer | FbsyncError] = {}
        open_items = list(range(len(reads)))
        while True:
            whole: GraphUnavailable | RateLimited | None = None
            try:
                found = self._batch([reads[index] for index in open_items])
            except _PASSING as error:
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

    def read_each(
        self, reads: Mapping[_Key, Read], *, wait: bool = False
    ) -> Iterator[tuple[_Key, Answer | FbsyncError]]:
        """Any number of reads, each under a key; one request for each MAX_BATCH of them.

        With `wait`, those that are throttled are asked for again at the end, as long as patience
        lasts: for a command that has nothing else to do meanwhile.
        """
        waiting = self._patience.begin()
        left = dict(reads)
        while left:
            throttled: dict[_Key, RateLimited] = {}
            for key, answer in self._read_parts(left):
                if wait and isinstance(answer, RateLimited):
                    throttled[key] = answer
                else:
                    yield key, answer
            ends = [error.retry_at for error in throttled.values() if error.retry_at]
            if throttled and not waiting.pause(max(ends, default=None)):
                yield from throttled.items()
                return
            left = {key: reads[key] for key in throttled}

    def _read_parts(
        self, reads: Mapping[_Key, Read]
    ) -> Iterator[tuple[_Key, Answer | FbsyncError]]:
        keys = list(reads)
        for start in range(0, len(keys), MAX_BATCH):
            part = keys[start : start + MAX_BATCH]
            yield from zip(part, self.read_all([reads[key] for key in part]), strict=True)

    def _batch(self, reads: Sequence[Read]) -> Sequence[Answer | FbsyncError]:
        """Ask for those whose limits are open; the others are answered here."""
        closed = self._budget.begin({read.limit for read in reads})
        asked = [read for read in reads if read.limit not in closed]
        found = iter(self._send_batch(asked) if asked else ())
        return [closed.get(read.limit) or next(found) for read in reads]

    def _send_batch(self, reads: Sequence[Read]) -> Sequence[Answer | FbsyncError]:
        items = [
            {"method": read.method, "relative_url": read.relative_url(self._app_secret)}
            for read in reads
        ]
        form = {"batch": json.dumps(items), "appsecret_proof": self._proof(self.app_token)}
        sent = self._http.post("", form, {"Authorization": f"Bearer {self.app_token}"})
        answer = sent.answer
        if sent.status != 200 or not isinstance(answer, list) or len(answer) != len(reads):
            error = error_from(answer, sent.status, sent.usage)
            self._note([(APP_LIMIT, sent.usage, error)])
            raise _app_refused(error)
        found = [
            read_item(item, sent.version, caller_of(read.limit))
            for read, item in zip(reads, answer, strict=True)
        ]
        told = [(read.limit, usage, item) for read, (item, usage) in zip(reads, found, strict=True)]
        self._note([(APP_LIMIT, sent.usage, None), *told])
        return [item for item, _ in found]

    def _note(self, told: Sequence[tuple[str, Usage, object]]) -> None:
        """Tell the budget what the answers said of the limits that their calls count against.

        What cannot be noted is no reason to lose the answer.
        """
        now = datetime.now(UTC)
        seen = joined(
            limits_seen(limit, usage, now, outcome if isinstance(outcome, RateLimited) else None)
            for limit, usage, outcome in told
        )
        try:
            self._budget.note(seen)
        except DatabaseUnavailable as error:
            self._warn(f"How far the Graph API's limits are used was not noted. {error}")

    def _proof(self, token: str) -> str:
        return appsecret_proof(token, self._app_secret)


def _app_refused(error: FbsyncError) -> FbsyncError:
    """A batch goes out under the app's own token, so a refused token means wrong settings."""
    if isinstance(error, TokenRefused):
        said = str(error).partition("\n")[0]
        error = CallRefused(f"{said}\nFACEBOOK_APP_ID and FACEBOOK_APP_SECRET do not fit together.")
    error.of_app = True
    return error
