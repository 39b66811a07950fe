"""The other end of the wire to the Graph API, where a test says what it answers (respx)."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import respx

from fbsync.page import PageAccess, PageId, UserToken

URL = "https://graph.facebook.com"
APP = "123456789012345"
SECRETS = ("EAAuser", "EAAshort", "EAApage", "the-secret", "login-code", "the-verify-token")
ANNA = UserToken("77", "Anna", "EAAuser")
ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")

Call = dict[str, list[str]]


class Meta:
    """The other end of the wire: what it answers, and what it was sent."""

    def __init__(self, router: respx.MockRouter) -> None:
        self._router = router

    def answer_reads(self, *answers: object, version: str = "v26.0") -> None:
        """One batch request after another; each answer is the list of its items."""
        headers = {"facebook-api-version": version}
        responses = [httpx.Response(200, json=answer, headers=headers) for answer in answers]
        self._router.post("/v26.0/").mock(side_effect=responses)

    def answer_posts(self, path: str, *answers: object, status: int = 200) -> None:
        responses = [httpx.Response(status, json=answer) for answer in answers]
        self._router.post(f"/v26.0/{path}").mock(side_effect=responses)

    def read_each(self, answer: Callable[[str], object]) -> None:
        """Answer each item of each batch by its node."""

        def respond(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json=[item(answer(node)) for node, _ in _batch(request)])

        self._router.post("/v26.0/").mock(side_effect=respond)

    @property
    def requests(self) -> list[httpx.Request]:
        return [call.request for call in self._router.calls]

    @property
    def forms(self) -> list[dict[str, str]]:
        return [_form(request) for request in self.requests]

    @property
    def reads(self) -> list[list[tuple[str, Call]]]:
        """The node and the parameters of each item of each batch."""
        return [_batch(request) for request in self.requests]


def _form(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def _batch(request: httpx.Request) -> list[tuple[str, Call]]:
    parts = [urlsplit(call["relative_url"]) for call in json.loads(_form(request)["batch"])]
    return [(part.path, parse_qs(part.query)) for part in parts]


def item(body: object, code: int = 200) -> dict[str, object]:
    return {"code": code, "body": json.dumps(body)}


def error(code: int) -> dict[str, object]:
    return {"error": {"code": code, "message": "It failed."}}


def access(number: int) -> PageAccess:
    return PageAccess(PageId(str(number)), f"Page {number}", f"EAApage{number}")


@contextmanager
def wire_to_meta() -> Iterator[Meta]:
    """No address that was called may hold a secret, whatever the test is about."""
    with respx.mock(base_url=URL) as router:
        made = Meta(router)
        yield made
        for request in made.requests:
            assert request.url.query == b""
            assert not any(secret in str(request.url) for secret in SECRETS)
