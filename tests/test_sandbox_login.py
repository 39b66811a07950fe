"""The sandbox's login: dialog, codes, tokens, as an app and a person meet them."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fbsync.sandbox.world import World
from tests import servers
from tests.servers import REDIRECT, SCOPES, Sandbox

DIALOG = "/v26.0/dialog/oauth"


def request(sandbox: Sandbox, **changes: str) -> dict[str, str]:
    query = {"client_id": sandbox.world.app_id, "redirect_uri": REDIRECT, "scope": SCOPES}
    return query | {"state": "a b&c=d", "response_type": "code"} | changes


def answer_of(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 302, response.text
    address = urlsplit(response.headers["Location"])
    return {name: values[0] for name, values in parse_qs(address.query).items()}


class Form(HTMLParser):
    """The dialog's inputs and buttons: (type, name, value, checked)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inputs: list[tuple[str, str, str, bool]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("input", "button"):
            found = dict(attrs)
            kind, name = found.get("type") or tag, found.get("name") or ""
            self.inputs.append((kind, name, found.get("value") or "", "checked" in found))

    def filled(self, action: str) -> dict[str, list[str]]:
        data: dict[str, list[str]] = {"action": [action]}
        for kind, name, value, checked in self.inputs:
            if kind == "hidden" or checked:
                data.setdefault(name, []).append(value)
        return data


class TestDialog:
    def test_a_person_sees_permissions_and_pages_and_continues(self, sandbox: Sandbox) -> None:
        query = request(sandbox)
        shown = sandbox.client.get(DIALOG, params=query)
        assert shown.headers["content-type"].startswith("text/html")
        assert "Café Zeitgeist" in shown.text
        assert "pages_read_engagement" in shown.text
        form = Form(shown.text).filled("continue")
        response = sandbox.client.post(DIALOG, params=query, data=form)
        answer = answer_of(response)
        assert answer["state"] == "a b&c=d"
        assert response.headers["Location"].startswith(REDIRECT + "?")
        assert response.headers["Location"].endswith("#_=_")
        assert sandbox.exchange_code(answer["code"])

    def test_cancel_comes_back_with_metas_four_parameters(self, sandbox: Sandbox) -> None:
        answer = answer_of(
            sandbox.client.post(DIALOG, params=request(sandbox), data={"action": "cancel"})
        )
        assert answer == {
            "error": "access_denied",
            "error_code": "200",
            "error_reason": "user_denied",
            "error_description": "Permissions error",
            "state": "a b&c=d",
        }

    def test_only_the_ticked_pages_are_shown_to_the_app(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in(shown="1", grant="pages_show_list", page="200000000000002")
        data = sandbox.client.get("/v26.0/me/accounts", params={"access_token": user}).json()
        assert [item["id"] for item in data["data"]] == ["200000000000002"]

    def test_auto_consent_answers_by_itself(self) -> None:
        with servers.sandbox(World(auto_consent=True)) as sandbox:
            answer = answer_of(sandbox.client.get("/dialog/oauth", params=request(sandbox)))
        assert answer["code"]

    def test_a_redirect_with_a_query_keeps_it(self, sandbox: Sandbox) -> None:
        query = request(sandbox, redirect_uri=REDIRECT + "?shop=1")
        answer = answer_of(sandbox.client.post(DIALOG, params=query, data={"action": "continue"}))
        assert answer["shop"] == "1"

    def test_values_from_the_address_are_escaped(self, sandbox: Sandbox) -> None:
        query = request(sandbox, state='"><script>alert(1)</script>')
        assert "<script>" not in sandbox.client.get(DIALOG, params=query).text

    def test_a_dialog_for_very_many_pages_does_not_list_them(self) -> None:
        with servers.sandbox(World(page_count=5000)) as sandbox:
            query = request(sandbox)
            shown = sandbox.client.get(DIALOG, params=query)
            assert len(shown.content) < 20_000
            form = Form(shown.text).filled("continue")
            code = answer_of(sandbox.client.post(DIALOG, params=query, data=form))["code"]
            user = sandbox.exchange_code(code)
            params = {"access_token": user, "limit": "100"}
            listed = sandbox.client.get("/v26.0/me/accounts", params=params).json()
        assert len(listed["data"]) == 100

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"client_id": "1"}, "Invalid App ID"),
            ({"redirect_uri": "http://shop.example/back"}, "Insecure Login Blocked"),
            ({"redirect_uri": "javascript:alert(1)"}, "URL Blocked"),
            ({"redirect_uri": ""}, "URL Blocked"),
            ({"response_type": "id_token"}, "response_type"),
            ({"scope": "pages_show_list,manage_pages"}, "Invalid Scopes: manage_pages"),
        ],
    )
    def test_a_bad_request_is_explained_and_sends_nobody_anywhere(
        self, sandbox: Sandbox, change: dict[str, str], told: str
    ) -> None:
        answer = sandbox.client.get(DIALOG, params=request(sandbox, **change))
        assert answer.status_code == 400
        assert told in answer.text


class TestExchange:
    def exchange(self, sandbox: Sandbox, **params: str) -> httpx.Response:
        app = {"client_id": sandbox.world.app_id, "client_secret": sandbox.world.app_secret}
        return sandbox.client.post("/v26.0/oauth/access_token", data=app | params)

    def test_a_code_brings_a_short_token_and_that_a_long_one(self, sandbox: Sandbox) -> None:
        short = self.exchange(sandbox, code=sandbox.code(), redirect_uri=REDIRECT).json()
        assert short["token_type"] == "bearer"
        assert 3600 <= short["expires_in"] <= 7200
        long = self.exchange(
            sandbox, grant_type="fb_exchange_token", fb_exchange_token=short["access_token"]
        ).json()
        assert 5183900 <= long["expires_in"] <= 5184000
        assert long["access_token"] != short["access_token"]

    def test_a_code_is_used_once(self, sandbox: Sandbox) -> None:
        code = sandbox.code()
        assert self.exchange(sandbox, code=code, redirect_uri=REDIRECT).is_success
        again = self.exchange(sandbox, code=code, redirect_uri=REDIRECT)
        assert again.status_code == 400
        assert again.json()["error"]["error_subcode"] == 36009
        assert again.json()["error"]["message"] == "This authorization code has been used."

    def test_the_redirect_must_be_the_same(self, sandbox: Sandbox) -> None:
        answer = self.exchange(sandbox, code=sandbox.code(), redirect_uri=REDIRECT + "/")
        assert answer.json()["error"]["error_subcode"] == 36008

    def test_client_credentials_bring_the_app_token(self, sandbox: Sandbox) -> None:
        answer = self.exchange(sandbox, grant_type="client_credentials").json()
        assert answer["access_token"] == sandbox.world.app_token

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"code": "made-up", "redirect_uri": REDIRECT}, 100),
            ({"grant_type": "password"}, 100),
            ({"grant_type": "fb_exchange_token", "fb_exchange_token": "garbage"}, 190),
            ({"client_secret": "wrong", "grant_type": "client_credentials"}, 1),
            ({"client_id": "1", "grant_type": "client_credentials"}, 101),
        ],
    )
    def test_a_bad_exchange_is_refused(
        self, sandbox: Sandbox, params: dict[str, str], code: int
    ) -> None:
        answer = self.exchange(sandbox, **params)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == code

    def test_only_a_user_token_can_become_a_long_one(self, sandbox: Sandbox) -> None:
        answer = self.exchange(
            sandbox, grant_type="fb_exchange_token", fb_exchange_token=sandbox.world.app_token
        )
        assert answer.json()["error"]["code"] == 100
