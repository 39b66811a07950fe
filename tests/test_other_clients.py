"""Clients that are not ours: python-facebook-api itself, and others as they send."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pyfacebook import FacebookError, GraphAPI

from fbsync.sandbox.world import World
from tests import servers
from tests.servers import REDIRECT, SCOPES, Sandbox

PAGE, OTHER_PAGE = "200000000000001", "200000000000002"


@pytest.fixture
def shop() -> Iterator[Sandbox]:
    """A sandbox of sixty pages whose dialog consents by itself."""
    with servers.sandbox(World(page_count=60, auto_consent=True)) as running:
        yield running


class TestPythonFacebookApi:
    """The package `python-facebook-api`, its addresses pointed at the sandbox, else unchanged."""

    @pytest.fixture(autouse=True)
    def plain_http(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its OAuth library wants https, unless told so."""
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")

    @pytest.fixture
    def logged_in(self, shop: Sandbox) -> Iterator[GraphAPI]:
        """With a long-lived user token, by way of the dialog and both exchanges."""
        api = self.client(shop, oauth_flow=True)
        url, state = api.get_authorization_url()
        back = shop.client.get(url).headers["Location"]
        # The address ended at, as a person's browser has it; this client wants it to be https.
        short = api.exchange_user_access_token(back.replace("http://", "https://"))
        assert state in back
        assert short["expires_in"] < 7200
        long = api.exchange_long_lived_user_access_token()
        assert long["expires_in"] > 5_000_000
        api.access_token = long["access_token"]
        yield api
        api.session.close()

    def test_accounts_are_read_to_the_end_by_following_next(self, logged_in: GraphAPI) -> None:
        found = logged_in.get_full_connections("me", "accounts", count=None, limit=25)
        assert len({page["id"] for page in found["data"]}) == 60

    def test_a_page_is_read_with_its_own_token(self, logged_in: GraphAPI, shop: Sandbox) -> None:
        token = logged_in.exchange_page_access_token(PAGE)
        api = self.client(shop, access_token=token)
        page = api.get_object(PAGE, fields="id,name,about,location{city},picture{url}")
        assert page["name"] == "Café Zeitgeist"
        assert page["location"] == {"city": "Berlin"}
        assert api.post_object(PAGE, data={"phone": "+1"}) == {"success": True}
        assert api.get_object(PAGE, fields="phone")["phone"] == "+1"
        api.session.close()

    def test_a_person_is_reached_by_id_too(self, logged_in: GraphAPI) -> None:
        person = logged_in.get_object("me")["id"]
        accounts = logged_in.get_connection(person, "accounts")
        assert len(accounts["data"]) == 25

    def test_tokens_are_looked_at_with_the_apps_own(
        self, logged_in: GraphAPI, shop: Sandbox
    ) -> None:
        api = self.client(shop, application_only_auth=True)
        data = api.debug_token(logged_in.access_token)["data"]
        assert data["is_valid"] is True
        assert set(SCOPES.split(",")) < set(data["scopes"])
        api.session.close()

    def test_an_error_carries_code_and_message(self, logged_in: GraphAPI, shop: Sandbox) -> None:
        with pytest.raises(FacebookError) as caught:
            logged_in.get_object(PAGE, fields="colour")
        assert caught.value.code == 100
        assert "nonexisting field (colour)" in caught.value.message
        shop.client.post("/_sandbox/tokens/revoke", json={"subcode": 463})
        with pytest.raises(FacebookError) as caught:
            logged_in.get_object("me")
        assert (caught.value.code, caught.value.error_subcode) == (190, 463)

    def test_its_ids_call_fails_as_on_the_real_platform(self, logged_in: GraphAPI) -> None:
        with pytest.raises(FacebookError, match="deprecated") as caught:
            logged_in.get_objects(f"{PAGE},{OTHER_PAGE}", fields="name")
        assert caught.value.code == 100

    def test_usage_is_understood(self, logged_in: GraphAPI, shop: Sandbox) -> None:
        shop.client.post("/_sandbox/switches", json={"app_usage_percent": 42})
        logged_in.get_object("me")
        assert logged_in.rate_limit.get_limit().call_count == 42

    @staticmethod
    def client(shop: Sandbox, **options: Any) -> GraphAPI:
        return GraphAPI(
            app_id=shop.world.app_id,
            app_secret=shop.world.app_secret,
            base_url=f"{shop.url}/",
            authorization_url=f"{shop.url}/dialog/oauth",
            access_token_url=f"{shop.url}/oauth/access_token",
            redirect_uri=REDIRECT,
            scope=SCOPES.split(","),
            **options,
        )


class TestTheOfficialSdk:
    """Requests as facebook-business 26 for Python sends them (measured on loopback)."""

    @pytest.fixture
    def tokens(self, shop: Sandbox) -> dict[str, str]:
        """As it adds them to the query of every verb: the page's token and proof."""
        token = shop.page_token(shop.log_in(), PAGE)
        key = shop.world.app_secret.encode()
        proof = hmac.new(key, token.encode(), hashlib.sha256).hexdigest()
        return {"access_token": token, "appsecret_proof": proof}

    def test_a_node_is_read_at_a_trailing_slash(
        self, shop: Sandbox, tokens: dict[str, str]
    ) -> None:
        shop.client.post("/_sandbox/switches", json={"require_proof": True})
        found = shop.client.get(f"/v26.0/{PAGE}/", params=tokens | {"fields": "name,about"})
        assert set(found.json()) == {"id", "name", "about"}

    def test_an_edge_is_paged_by_repeating_all_and_after(self, shop: Sandbox) -> None:
        params = {"access_token": shop.log_in(), "summary": "true", "fields": "name"}
        first = shop.client.get("/v26.0/me/accounts/", params=params).json()
        after = first["paging"]["cursors"]["after"]
        second = shop.client.get("/v26.0/me/accounts/", params=params | {"after": after}).json()
        assert first["summary"] == second["summary"] == {"total_count": 60}
        assert len(first["data"]) == len(second["data"]) == 25
        assert first["data"][-1] != second["data"][0]

    def test_a_page_is_subscribed_by_a_form_and_unsubscribed_by_a_query(
        self, shop: Sandbox, tokens: dict[str, str]
    ) -> None:
        path = f"/v26.0/{PAGE}/subscribed_apps"
        form = {"subscribed_fields": '["name", "phone"]'}
        assert shop.client.post(path, params=tokens, data=form).json() == {"success": True}
        assert shop.world.page_subscriptions == {PAGE: {"name", "phone"}}
        assert shop.client.delete(path, params=tokens).json() == {"success": True}
        assert shop.world.page_subscriptions == {}

    def test_an_apps_subscription_loses_fields_by_a_query(self, shop: Sandbox) -> None:
        app_token = {"access_token": shop.world.app_token}
        query = {"object": "page", "fields": '["name"]'}
        path = f"/v26.0/{shop.world.app_id}/subscriptions"
        assert shop.client.delete(path, params=app_token | query).json() == {"success": True}

    def test_a_batch_goes_to_the_versions_root(self, shop: Sandbox, tokens: dict[str, str]) -> None:
        items = [
            {"method": "GET", "relative_url": f"{PAGE}/?fields=name"},
            {"method": "POST", "relative_url": f"{PAGE}/", "body": "phone=%2B1"},
        ]
        answer = shop.client.post("/v26.0/", params=tokens, data={"batch": json.dumps(items)})
        read, written = answer.json()
        assert json.loads(read["body"])["name"] == "Café Zeitgeist"
        assert (written["code"], json.loads(written["body"])) == (200, {"success": True})


class TestOthers:
    def test_pywa_sends_its_token_in_the_header(self, shop: Sandbox) -> None:
        headers = {"Authorization": f"Bearer {shop.log_in()}"}
        assert shop.client.get("/v26.0/me", headers=headers).json()["name"] == "Sam Sandbox"

    def test_curl_sends_forms_of_many_parts_as_metas_documents_do(self, shop: Sandbox) -> None:
        parts = {
            "access_token": (None, shop.log_in()),
            "batch": (None, '[{"method": "GET", "relative_url": "me"}]'),
        }
        (item,) = shop.client.post("/", files=parts).json()
        assert json.loads(item["body"])["name"] == "Sam Sandbox"

    def test_javascript_sends_json(self, shop: Sandbox) -> None:
        body = {
            "access_token": shop.log_in(),
            "batch": [{"method": "GET", "relative_url": "me?fields=id"}],
            "include_headers": False,
        }
        answer: httpx.Response = shop.client.post("/v26.0", json=body)
        assert answer.json() == [{"code": 200, "body": '{"id": "122100000000001"}'}]
