"""The sandbox's login: dialog, codes, tokens, as an app and a person meet them."""

import json
import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from fbsync.sandbox.plain import from_plain, to_plain
from fbsync.sandbox.switches import CONFIG_ID
from fbsync.sandbox.world import Standing, World
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


class TestWhatTheDialogAsks:
    """auth_type, config_id, registered redirects and response_type."""

    def granted(self, sandbox: Sandbox, **changes: str) -> set[str]:
        form = Form(self.shown(sandbox, **changes)).filled("continue")
        sandbox.client.post(DIALOG, params=request(sandbox, **changes), data=form)
        return {name for name, status in sandbox.world.permissions.items() if status == "granted"}

    def shown(self, sandbox: Sandbox, **changes: str) -> str:
        return sandbox.client.get(DIALOG, params=request(sandbox, **changes)).text

    def test_a_declined_permission_is_asked_for_again_by_rerequest_alone(
        self, sandbox: Sandbox
    ) -> None:
        sandbox.code(shown="1", grant=["pages_show_list"])
        assert 'value="pages_read_engagement"' not in self.shown(sandbox)
        assert self.granted(sandbox) == {"public_profile", "pages_show_list"}
        assert self.granted(sandbox, auth_type="rerequest") == {
            "public_profile",
            *SCOPES.split(","),
        }

    def test_a_configuration_brings_its_permissions_all_or_none(self, sandbox: Sandbox) -> None:
        sandbox.world.switches.config_scopes = "pages_show_list,business_management"
        asked = {"config_id": CONFIG_ID, "scope": ""}
        assert 'name="grant"' not in self.shown(sandbox, **asked)
        assert "business_management" in self.shown(sandbox, **asked)
        granted = self.granted(sandbox, **asked)
        assert granted == {"public_profile", "pages_show_list", "business_management"}

    def test_an_unknown_configuration_is_refused(self, sandbox: Sandbox) -> None:
        assert "Invalid config_id" in self.shown(sandbox, config_id="1")

    def test_a_configuration_for_system_users_needs_a_code(self, sandbox: Sandbox) -> None:
        sandbox.world.switches.system_user_tokens = True
        told = self.shown(sandbox, config_id=CONFIG_ID, response_type="token")
        assert "response_type=code" in told

    @pytest.mark.parametrize(
        ("redirect", "development", "allowed"),
        [
            ("https://shop.example/back?x=1", False, True),
            ("https://shop.example/back", False, False),
            ("https://shop.example/back?x=1&y=2", False, False),
            ("https://shop.example/back?x=1/", True, False),
            (REDIRECT, False, False),
            (REDIRECT, True, True),
        ],
    )
    def test_a_redirect_must_be_registered_to_the_letter(
        self, sandbox: Sandbox, redirect: str, development: bool, allowed: bool
    ) -> None:
        sandbox.world.switches.redirects = "https://other.example/,https://shop.example/back?x=1"
        sandbox.world.switches.development_mode = development
        told = self.shown(sandbox, redirect_uri=redirect)
        assert ("URL Blocked" not in told) is allowed

    def answer(self, sandbox: Sandbox, kind: str) -> tuple[dict[str, str], dict[str, str]]:
        """What stands in the redirect's query and in its fragment."""
        query = request(sandbox, response_type=kind)
        answer = sandbox.client.post(
            DIALOG, params=query, data={"action": "continue", "shown": "1", "grant": "email"}
        )
        address = urlsplit(answer.headers["Location"])
        return dict(parse_qsl(address.query)), dict(parse_qsl(address.fragment))

    def test_a_token_comes_in_the_fragment(self, sandbox: Sandbox) -> None:
        query, fragment = self.answer(sandbox, "token")
        assert query == {}
        assert fragment["state"] == "a b&c=d"
        assert fragment["expires_in"] == "5400"
        assert int(fragment["data_access_expiration_time"]) > time.time()
        me = sandbox.client.get("/me", params={"access_token": fragment["access_token"]})
        assert me.json()["name"] == "Sam Sandbox"

    def test_code_and_token_come_in_the_fragment_both(self, sandbox: Sandbox) -> None:
        query, fragment = self.answer(sandbox, "code token")
        assert query == {}
        assert sandbox.exchange_code(fragment["code"])
        assert fragment["access_token"]

    @pytest.mark.parametrize(
        ("kind", "part"), [("code,granted_scopes", 0), ("token granted_scopes", 1)]
    )
    def test_granted_scopes_come_as_a_list(self, sandbox: Sandbox, kind: str, part: int) -> None:
        answer = self.answer(sandbox, kind)[part]
        assert answer["granted_scopes"] == "public_profile"
        assert answer["denied_scopes"] == ",".join(sorted(SCOPES.split(",")))

    @pytest.mark.parametrize("kind", ["granted_scopes", "code id_token", ""])
    def test_any_other_response_type_is_refused(self, sandbox: Sandbox, kind: str) -> None:
        assert "response_type" in self.shown(sandbox, response_type=kind)


class TestLifetimes:
    def debug(self, sandbox: Sandbox, token: str) -> dict[str, Any]:
        params = {"input_token": token, "access_token": sandbox.world.app_token}
        found: dict[str, Any] = sandbox.client.get("/debug_token", params=params).json()["data"]
        return found

    def test_lifetimes_are_switches(self, sandbox: Sandbox) -> None:
        switches = {
            "short_token_seconds": 60,
            "long_token_seconds": 600,
            "data_access_seconds": 6000,
        }
        assert sandbox.client.post("/_sandbox/switches", json=switches).is_success
        found = self.debug(sandbox, sandbox.log_in())
        assert found["expires_at"] - found["issued_at"] == 600
        assert found["data_access_expires_at"] - found["issued_at"] == 6000
        found = self.debug(sandbox, sandbox.exchange_code(sandbox.code()))
        assert found["expires_at"] - found["issued_at"] == 60

    def test_the_end_of_a_login_can_be_moved(self, sandbox: Sandbox) -> None:
        early, late = sandbox.log_in(), sandbox.log_in()
        moved = {"expires_in": 3600, "data_access_expires_in": -5}
        answer = sandbox.client.post("/_sandbox/tokens/expiry", json=moved | {"login": 4})
        assert answer.json() == {"logins": [4]}
        found = self.debug(sandbox, late)
        assert found["is_valid"]
        assert 3590 <= found["expires_at"] - time.time() <= 3600
        assert found["data_access_expires_at"] < time.time()
        assert self.debug(sandbox, early)["expires_at"] > time.time() + 86400
        never = {"expires_in": None, "data_access_expires_in": None}
        sandbox.client.post("/_sandbox/tokens/expiry", json=never)
        found = self.debug(sandbox, early)
        assert (found["expires_at"], found["data_access_expires_at"]) == (0, 0)

    def test_a_token_past_its_end_is_refused_and_says_so(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in()
        page = sandbox.page_token(user, "200000000000001")
        sandbox.client.post("/_sandbox/tokens/expiry", json={"expires_in": -1})
        answer = sandbox.client.get("/me", params={"access_token": user})
        assert answer.json()["error"]["error_subcode"] == 463
        found = self.debug(sandbox, user)
        assert not found["is_valid"]
        assert found["error"]["subcode"] == 463
        assert (found["type"], found["user_id"]) == ("USER", "122100000000001")
        # A page token from a long-lived login has no end of its own.
        assert self.debug(sandbox, page)["is_valid"]

    def test_what_is_no_token_has_nothing_but_an_error(self, sandbox: Sandbox) -> None:
        found = self.debug(sandbox, "garbage")
        assert set(found) == {"error", "is_valid", "scopes"}
        assert (found["is_valid"], found["error"]["code"]) == (False, 190)

    @pytest.mark.parametrize(
        "body", [{}, {"expires_in": "soon"}, {"expires_in": 1 << 40}, ["x"], {"expires_in": 1.5}]
    )
    def test_a_mistake_is_explained(self, sandbox: Sandbox, body: object) -> None:
        answer = sandbox.client.post("/_sandbox/tokens/expiry", json=body)
        assert answer.status_code == 400
        assert "expires_in" in answer.json()["error"]

    def test_a_system_users_token_never_ends_and_is_not_exchanged(self, sandbox: Sandbox) -> None:
        sandbox.world.switches.system_user_tokens = True
        app = {"client_id": sandbox.world.app_id, "client_secret": sandbox.world.app_secret}
        code = sandbox.code("", {"config_id": CONFIG_ID})
        path = "/v26.0/oauth/access_token"
        came = sandbox.client.get(
            path, params=app | {"code": code, "redirect_uri": REDIRECT}
        ).json()
        assert set(came) == {"access_token", "token_type"}
        found = self.debug(sandbox, came["access_token"])
        assert (found["type"], found["expires_at"]) == ("SYSTEM_USER", 0)
        own = {"access_token": came["access_token"]}
        for token, status in ((came["access_token"], 200), (sandbox.log_in(), 400)):
            params = own | {"input_token": token}
            assert sandbox.client.get("/debug_token", params=params).status_code == status
        exchange = {"grant_type": "fb_exchange_token", "fb_exchange_token": came["access_token"]}
        answer = sandbox.client.get(path, params=app | exchange)
        assert answer.json()["error"]["code"] == 100


class TestPermissions:
    def listed(self, sandbox: Sandbox, user: str) -> dict[str, str]:
        data = sandbox.client.get("/me/permissions", params={"access_token": user}).json()["data"]
        return {item["permission"]: item["status"] for item in data}

    def test_each_has_its_status(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in(shown="1", grant=["pages_show_list", "pages_read_engagement"])
        expired = {"pages_read_engagement": "expired"}
        assert sandbox.client.post("/_sandbox/permissions", json=expired).is_success
        assert self.listed(sandbox, user) == {
            "public_profile": "granted",
            "pages_show_list": "granted",
            "pages_manage_metadata": "declined",
            "pages_read_engagement": "expired",
        }

    def test_one_that_is_no_longer_granted_is_lost_to_the_tokens(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in()
        sandbox.client.post("/_sandbox/permissions", json={"pages_show_list": "declined"})
        data = sandbox.client.get("/me/accounts", params={"access_token": user}).json()["data"]
        assert data == []

    @pytest.mark.parametrize("body", [{"email": "perhaps"}, ["email"], {"email": None}])
    def test_a_mistake_is_explained(self, sandbox: Sandbox, body: object) -> None:
        answer = sandbox.client.post("/_sandbox/permissions", json=body)
        assert answer.status_code == 400
        assert "declined" in answer.json()["error"]


class TestListing:
    """How the person stands to a page."""

    PAGES = ("200000000000001", "200000000000002", "200000000000003")

    def arrange(self, sandbox: Sandbox, page: int, **standing: object) -> None:
        path = f"/_sandbox/pages/{self.PAGES[page]}/listing"
        assert sandbox.client.post(path, json=standing).is_success

    def ids(self, sandbox: Sandbox, path: str, user: str) -> list[str]:
        answer = sandbox.client.get(path, params={"access_token": user, "limit": "100"})
        return [item["id"] for item in answer.json()["data"]]

    def test_pages_of_a_portfolio_are_hidden_without_business_management(
        self, sandbox: Sandbox
    ) -> None:
        self.arrange(sandbox, 0, business="9001")
        self.arrange(sandbox, 1, business="9001", is_client=True)
        one, two, three = self.PAGES
        assert self.ids(sandbox, "/me/accounts", sandbox.log_in()) == [three]
        user = sandbox.log_in(f"{SCOPES},business_management")
        assert self.ids(sandbox, "/me/accounts", user) == [one, two, three]
        assert self.ids(sandbox, "/me/businesses", user) == ["9001"]
        assert self.ids(sandbox, "/9001/owned_pages", user) == [one]
        assert self.ids(sandbox, "/v26.0/9001/client_pages/", user) == [two]
        name = sandbox.client.get("/9001", params={"access_token": user}).json()
        assert name == {"id": "9001", "name": "Portfolio 9001"}

    @pytest.mark.parametrize("path", ["/me/businesses", "/9001/owned_pages", "/9001"])
    def test_portfolios_need_business_management(self, sandbox: Sandbox, path: str) -> None:
        self.arrange(sandbox, 0, business="9001")
        answer = sandbox.client.get(path, params={"access_token": sandbox.log_in()})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == 200

    def test_a_portfolio_has_no_other_edges(self, sandbox: Sandbox) -> None:
        self.arrange(sandbox, 0, business="9001")
        user = sandbox.log_in(f"{SCOPES},business_management")
        answer = sandbox.client.get("/9001/ads", params={"access_token": user})
        assert answer.json()["error"]["code"] == 100

    def test_a_page_that_was_not_picked_is_in_no_list(self, sandbox: Sandbox) -> None:
        self.arrange(sandbox, 0, business="9001")
        scopes = ["business_management", *SCOPES.split(",")]
        form: dict[str, str | list[str]] = {"grant": scopes, "page": [self.PAGES[1]]}
        user = sandbox.log_in(",".join(scopes), shown="1", **form)
        assert self.ids(sandbox, "/9001/owned_pages", user) == []

    def test_without_a_task_there_is_no_page_token(self, sandbox: Sandbox) -> None:
        self.arrange(sandbox, 0, tasks=[])
        self.arrange(sandbox, 1, tasks=["ANALYZE"])
        user = sandbox.log_in()
        params = {"access_token": user}
        first, second, _ = sandbox.client.get("/me/accounts", params=params).json()["data"]
        assert "access_token" not in first
        assert second["tasks"] == ["ANALYZE"]
        assert second["access_token"]
        params["fields"] = "name,access_token"
        page = sandbox.client.get(f"/{self.PAGES[0]}", params=params).json()
        assert set(page) == {"id", "name"}

    def test_a_picked_page_may_be_missing_from_the_list(self, sandbox: Sandbox) -> None:
        self.arrange(sandbox, 0, listed=False)
        user = sandbox.log_in()
        assert self.ids(sandbox, "/me/accounts", user) == list(self.PAGES[1:])
        assert sandbox.page_token(user, self.PAGES[0])

    @pytest.mark.parametrize(
        "body",
        [{"tasks": "MANAGE"}, {"tasks": [1]}, {"business": 9001}, {"listed": 1}, {"x": 1}, ["x"]],
    )
    def test_a_mistake_is_explained(self, sandbox: Sandbox, body: object) -> None:
        answer = sandbox.client.post(f"/_sandbox/pages/{self.PAGES[0]}/listing", json=body)
        assert answer.status_code == 400
        assert "tasks" in answer.json()["error"]

    def test_an_unknown_page_is_told(self, sandbox: Sandbox) -> None:
        assert sandbox.client.post("/_sandbox/pages/7/listing", json={}).status_code == 404


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


def test_standings_logins_and_codes_survive_in_the_state_file(sandbox: Sandbox) -> None:
    sandbox.world.switches.system_user_tokens = True
    sandbox.world.standings["200000000000001"] = Standing(["ANALYZE"], "9001", True, False)
    sandbox.exchange_code(sandbox.code("", {"config_id": CONFIG_ID}))
    found: World = from_plain(World, json.loads(json.dumps(to_plain(sandbox.world))))
    assert found.standings == sandbox.world.standings
    assert found.logins == sandbox.world.logins
    assert found.codes == sandbox.world.codes
    assert found.switches == sandbox.world.switches
