"""The sandbox takes what any client may send, and answers what no client should."""

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.servers import Sandbox

PAGE, OTHER_PAGE = "200000000000001", "200000000000002"
PERSON = "122100000000001"


def get(sandbox: Sandbox, path: str, token: str | None = None, **params: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return sandbox.client.get(f"/v26.0/{path}", params=params, headers=headers)


def code(answer: httpx.Response) -> int:
    found: int = answer.json()["error"]["code"]
    return found


@pytest.fixture
def user(sandbox: Sandbox) -> str:
    return sandbox.log_in()


@pytest.fixture
def page(sandbox: Sandbox, user: str) -> str:
    return sandbox.page_token(user, PAGE)


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "answered"),
        [
            ("/me", "v26.0"),
            ("/me/", "v26.0"),
            ("//v26.0//me//", "v26.0"),
            ("/v15.0/me", "v21.0"),
            ("/v2.12/me", "v21.0"),
            ("/v20.0/me", "v21.0"),
            ("/v24.0/me", "v24.0"),
        ],
    )
    def test_versions_and_slashes(
        self, sandbox: Sandbox, user: str, path: str, answered: str
    ) -> None:
        answer = sandbox.client.get(f"{sandbox.url}{path}", params={"access_token": user})
        assert answer.json()["id"] == PERSON
        assert answer.headers["facebook-api-version"] == answered
        assert answer.headers["x-fb-trace-id"] != answer.headers["x-fb-request-id"]

    @pytest.mark.parametrize("version", ["v99.0", "v27.0", "v0.0", "v21.7", f"v{'9' * 5000}.0"])
    def test_no_such_version_is_2500(self, sandbox: Sandbox, user: str, version: str) -> None:
        answer = sandbox.client.get(f"/{version}/me", params={"access_token": user})
        assert (answer.status_code, code(answer)) == (400, 2500)
        batch = {"batch": '[{"relative_url": "v26.0/me"}]', "access_token": user}
        answer = sandbox.client.post(f"/{version}/", data=batch)
        assert (answer.status_code, code(answer)) == (400, 2500)

    def test_the_apps_version_answers_paths_without_one(self, sandbox: Sandbox, user: str) -> None:
        sandbox.client.post("/_sandbox/switches", json={"default_version": "v23.0"})
        answer = sandbox.client.get("/me", params={"access_token": user})
        assert answer.headers["facebook-api-version"] == "v23.0"

    def test_a_person_is_reached_by_id(self, sandbox: Sandbox, user: str, page: str) -> None:
        app_token = sandbox.world.app_token
        for path in ("", "/accounts", "/permissions"):
            by_id, by_me = (get(sandbox, f"{who}{path}", user).json() for who in (PERSON, "me"))
            assert by_id.get("data", by_id) == by_me.get("data", by_me)
        assert get(sandbox, PERSON, app_token).json()["name"] == "Sam Sandbox"
        assert code(get(sandbox, f"{PERSON}/posts", user)) == 100
        assert code(get(sandbox, PERSON, page)) == 100

    @pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "OPTIONS", "NONSENSE"])
    @pytest.mark.parametrize("path", ["/me", "/", f"/v26.0/{PAGE}/subscribed_apps"])
    def test_no_method_of_the_graph_api_is_its_own_error(
        self, sandbox: Sandbox, user: str, method: str, path: str
    ) -> None:
        answer = sandbox.client.request(method, path, headers={"Authorization": f"Bearer {user}"})
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("application/json")
        if method != "HEAD":
            assert code(answer) == 100

    def test_a_login_is_exchanged_with_the_apps_name_in_the_header(self, sandbox: Sandbox) -> None:
        world = sandbox.world
        answer = sandbox.client.post(
            "/oauth/access_token",
            data={"grant_type": "client_credentials"},
            auth=(world.app_id, world.app_secret),
        )
        assert answer.json()["access_token"] == world.app_token
        for header in ("Basic", "Basic %%%", "Basic /w=="):
            answer = sandbox.client.get("/oauth/access_token", headers={"Authorization": header})
            assert code(answer) == 101


class TestFields:
    def test_a_list_of_fields_may_be_json(self, sandbox: Sandbox, page: str) -> None:
        found = get(sandbox, PAGE, page, fields='["name", "location{city}"]').json()
        assert found["location"] == {"city": "Berlin"}

    def test_an_edge_is_expanded_with_its_own_limit(self, sandbox: Sandbox, user: str) -> None:
        fields = "id,name,accounts.limit(2){name,picture{width,height},location{city}}"
        found = get(sandbox, "me", user, fields=fields).json()
        assert (found["id"], found["name"]) == (PERSON, "Sam Sandbox")
        accounts = found["accounts"]
        assert [item["id"] for item in accounts["data"]] == [PAGE, OTHER_PAGE]
        assert accounts["data"][0]["picture"] == {"data": {"height": 50, "width": 50}}
        following = sandbox.client.get(accounts["paging"]["next"]).json()["data"]
        assert [item["location"] for item in following] == [{"city": "Bristol"}]

    def test_edges_are_expanded_without_a_limit_too(self, sandbox: Sandbox, user: str) -> None:
        found = get(sandbox, "me", user, fields="accounts,permissions.limit(1)").json()
        assert len(found["accounts"]["data"]) == 3
        assert len(found["permissions"]["data"]) == 1
        assert found["permissions"]["paging"]["next"]

    def test_a_bad_field_inside_fails_the_whole_call(self, sandbox: Sandbox, user: str) -> None:
        answer = get(sandbox, "me", user, fields="name,accounts{name,colour}")
        assert "(colour) on node type (Page)" in answer.json()["error"]["message"]

    @pytest.mark.parametrize(
        "path", ["me/permissions", "me/accounts", f"{PAGE}/subscribed_apps", "{app}/subscriptions"]
    )
    def test_an_edge_has_no_other_fields(
        self, sandbox: Sandbox, user: str, page: str, path: str
    ) -> None:
        tokens = {PAGE: page, "{app}": sandbox.world.app_token}
        token = tokens.get(path.partition("/")[0], user)
        answer = get(sandbox, path.format(app=sandbox.world.app_id), token, fields="colour")
        assert code(answer) == 100
        assert "nonexisting field (colour)" in answer.json()["error"]["message"]

    def test_a_list_inside_a_page_has_a_limit(self, sandbox: Sandbox, page: str) -> None:
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"emails": ["a@x.org", "b@x.org"]})
        found = get(sandbox, PAGE, page, fields="emails.limit(1),category_list{name}").json()
        assert found["emails"] == ["a@x.org"]
        assert found["category_list"] == [{"name": "Coffee shop"}]

    @pytest.mark.parametrize("fields", ["{" * 9999, "a{" * 9999, "name.limit(", "}", "name,,{"])
    def test_a_broken_list_is_100(self, sandbox: Sandbox, page: str, fields: str) -> None:
        assert code(get(sandbox, PAGE, page, fields=fields)) == 100

    def test_a_persons_mail_needs_its_permission(self, sandbox: Sandbox, user: str) -> None:
        fields = "first_name,email,picture{width}"
        shown = {"id": PERSON, "first_name": "Sam", "picture": {"data": {"width": 50}}}
        assert get(sandbox, "me", user, fields=fields).json() == shown
        allowed = sandbox.log_in("email")
        found = get(sandbox, "me", allowed, fields=fields).json()
        assert found == shown | {"email": "sam@example.com"}

    def test_an_apps_fields_are_its_own(self, sandbox: Sandbox) -> None:
        app, token = sandbox.world.app_id, sandbox.world.app_token
        assert get(sandbox, app, token, fields="name").json() == {"id": app, "name": "Sandbox"}
        assert code(get(sandbox, app, token, fields="about")) == 100

    def test_retired_parameters_are_ignored(self, sandbox: Sandbox, page: str) -> None:
        retired = {"pretty": "1", "debug": "all", "date_format": "U", "metadata": "1"}
        answer = get(sandbox, PAGE, page, fields="name", **retired)
        assert set(answer.json()) == {"id", "name"}
        form = {"phone": "+1", "access_token": page, **retired}
        assert sandbox.client.post(f"/v26.0/{PAGE}", data=form).json() == {"success": True}
        headers = {"If-None-Match": answer.headers.get("etag", '"x"')}
        again = sandbox.client.get(f"/{PAGE}", params={"access_token": page}, headers=headers)
        assert again.status_code == 200


class TestPaging:
    def test_previous_and_next_lead_back_and_forth(self, sandbox: Sandbox, user: str) -> None:
        first = get(sandbox, "me/accounts", user, limit="1", fields="name").json()
        second = sandbox.client.get(first["paging"]["next"]).json()
        back = sandbox.client.get(second["paging"]["previous"]).json()
        assert back["data"] == first["data"]
        assert "previous" not in back["paging"]

    def test_every_edge_has_parts(self, sandbox: Sandbox, user: str, page: str) -> None:
        form = {"subscribed_fields": "name", "access_token": page}
        sandbox.client.post(f"/{PAGE}/subscribed_apps", data=form)
        token = {"me/permissions": user, f"{PAGE}/subscribed_apps": page}
        for path, each in token.items():
            found = get(sandbox, path, each, limit="1", summary="true").json()
            assert len(found["data"]) == 1
            assert found["summary"]["total_count"] >= 1
            after = found["paging"]["cursors"]["after"]
            rest = get(sandbox, path, each, after=after).json()["data"]
            assert len(rest) == found["summary"]["total_count"] - 1
        some = get(sandbox, "me/permissions", user, fields="status", limit="2").json()["data"]
        assert some == [{"status": "granted"}] * 2
        app = f"{sandbox.world.app_id}/subscriptions"
        assert code(get(sandbox, app, sandbox.world.app_token, limit="none")) == 100


class TestPictures:
    def test_addresses_are_new_at_each_read_and_the_key_stays(
        self, sandbox: Sandbox, page: str
    ) -> None:
        fields = "picture{url,cache_key},cover"
        one, two = (get(sandbox, PAGE, page, fields=fields).json() for _ in range(2))
        assert one["picture"]["data"]["url"] != two["picture"]["data"]["url"]
        assert one["picture"]["data"]["cache_key"] == two["picture"]["data"]["cache_key"]
        assert one["cover"]["source"] != two["cover"]["source"]
        assert one["cover"]["cover_id"] == two["cover"]["cover_id"]
        sandbox.client.post("/_sandbox/switches", json={"volatile_pictures": False})
        one, two = (get(sandbox, PAGE, page, fields=fields).json() for _ in range(2))
        assert one == two

    def test_the_picture_is_a_redirect_unless_facts_are_wanted(
        self, sandbox: Sandbox, page: str
    ) -> None:
        answer = get(sandbox, f"{PAGE}/picture", page)
        assert answer.status_code == 302
        assert urlsplit(answer.headers["Location"]).path.endswith(f"{PAGE}.jpg")
        facts = get(sandbox, "me/picture", page, redirect="false").json()["data"]
        assert facts["is_silhouette"] is False
        form = {"access_token": page}
        assert code(sandbox.client.post(f"/{PAGE}/picture", data=form)) == 100
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"picture": None})
        assert get(sandbox, f"{PAGE}/picture", page).json()["data"]["is_silhouette"] is True


class TestPageLife:
    def test_an_unpublished_page_says_so(self, sandbox: Sandbox, page: str) -> None:
        for sent, stored in (("false", False), ("1", True), ("0", False)):
            form = {"is_published": sent, "access_token": page}
            assert sandbox.client.post(f"/{PAGE}", data=form).is_success
            found = get(sandbox, PAGE, page, fields="is_published").json()
            assert found["is_published"] is stored

    def test_a_page_knows_whether_the_app_is_on_it(self, sandbox: Sandbox, page: str) -> None:
        fields = "is_webhooks_subscribed,has_added_app"
        assert set(get(sandbox, PAGE, page, fields=fields).json().values()) == {PAGE, False}
        sandbox.client.post(f"/{PAGE}/subscribed_apps", data={"access_token": page})
        assert set(get(sandbox, PAGE, page, fields=fields).json().values()) == {PAGE, True}

    @pytest.mark.parametrize("changes", [{"id": "1"}, {"nmae": "New"}])
    def test_the_owner_changes_fields_that_there_are(
        self, sandbox: Sandbox, changes: dict[str, str]
    ) -> None:
        answer = sandbox.client.post(f"/_sandbox/pages/{PAGE}", json=changes)
        assert (answer.status_code, "its id stays" in answer.json()["error"]) == (400, True)
        answer = sandbox.client.post("/_sandbox/pages", json={PAGE: changes})
        assert answer.status_code == 400

    @pytest.mark.parametrize("odd", [7, "text", [1], {"data": 7}, {"source": 7}])
    def test_odd_values_of_pictures_stay_as_they_are(
        self, sandbox: Sandbox, page: str, odd: object
    ) -> None:
        edit = {"picture": odd, "cover": odd}
        assert sandbox.client.post(f"/_sandbox/pages/{PAGE}", json=edit).is_success
        found = get(sandbox, PAGE, page, fields="picture,cover").json()
        assert found["picture"] == odd

    def test_a_lost_role_ends_the_token_and_takes_the_page_off_the_list(
        self, sandbox: Sandbox, user: str, page: str
    ) -> None:
        assert sandbox.client.delete(f"/_sandbox/pages/{PAGE}/role").is_success
        error = get(sandbox, PAGE, page).json()["error"]
        assert (error["code"], error["error_subcode"]) == (190, 492)
        listed = get(sandbox, "me/accounts", user).json()["data"]
        assert PAGE not in [item["id"] for item in listed]
        assert get(sandbox, PAGE, user).json()["error"]["error_subcode"] == 33
        assert sandbox.client.post(f"/_sandbox/pages/{PAGE}/role").is_success
        again = sandbox.page_token(sandbox.log_in(), PAGE)
        assert get(sandbox, PAGE, again).is_success
        assert sandbox.client.delete("/_sandbox/pages/1/role").status_code == 404
        assert sandbox.client.post("/_sandbox/pages/1/role").status_code == 404


ODD_BODIES: list[tuple[str, bytes]] = [
    ("application/json", b"{"),
    ("application/json", b"[" * 100_000),
    ("application/json", b'{"limit": 1e999, "access_token": NaN}'),
    ("application/json", b'{"access_token": "\\ud800"}'),
    ("application/json", b"\xff\xfe"),
    ("application/x-www-form-urlencoded", b"a=%zz&%=%&batch=%ff&access_token=%00\xff"),
    ("application/x-www-form-urlencoded", b"batch=" + b"[" * 100_000),
    ("multipart/form-data", b"no boundary"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"),
    ("multipart/form-data; boundary=\xe9", b"--\xe9"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name*=''%zz\r\n"),
]


class TestOddRequests:
    """Each gets an error of the Graph API or a plain 400, never a traceback."""

    @pytest.mark.parametrize(("method", "path"), [("GET", "fault"), ("PUT", "pages")])
    def test_an_unknown_endpoint_of_the_tester(
        self, sandbox: Sandbox, method: str, path: str
    ) -> None:
        answer = sandbox.client.request(method, f"/_sandbox/{path}")
        assert answer.status_code == 404
        assert "GET /_sandbox lists" in answer.json()["error"]

    @pytest.mark.parametrize(("kind", "body"), ODD_BODIES)
    def test_odd_bodies(self, sandbox: Sandbox, user: str, kind: str, body: bytes) -> None:
        for path in ("/", f"/{PAGE}", "/oauth/access_token"):
            headers = {"Content-Type": kind.encode("latin-1"), "Authorization": f"Bearer {user}"}
            answer = sandbox.client.post(path, content=body, headers=headers)  # type: ignore[arg-type]  # raw bytes on purpose
            assert answer.status_code < 500
            assert "error" in answer.json()

    @pytest.mark.parametrize(
        "path",
        [
            "/%",
            "/%zz/%ff",
            "/%3Fme%23x",
            "/v26.0/me?fields=%ff%zz",
            "/v26.0/me/accounts?limit=" + "9" * 5000,
            "/v26.0/me/accounts?after=" + "9" * 5000,
            "/v26.0/me/accounts?after=" + "%F0%9F%8C%BB",
            "/v26.0/me/accounts?before=c2FuZGJveDotMQ",
            f"/v26.0/{'9' * 5000}",
            "/v26.0/me?appsecret_proof=x&appsecret_time=" + "9" * 5000,
            "/v26.0/me?appsecret_proof=%E2%98%83",
            "/v26.0/me/accounts?fields=" + "a{" * 2000,
            "/..%2f..%2fetc",
        ],
    )
    def test_odd_addresses(self, sandbox: Sandbox, user: str, path: str) -> None:
        answer = sandbox.client.get(path, headers={"Authorization": f"Bearer {user}"})
        assert answer.status_code in (200, 400)
        assert answer.headers["content-type"].startswith("application/json")

    @pytest.mark.parametrize(
        "token", ["EAAU" + "9" * 5000 + "x1x" + "0" * 64, "é", "|", "EAAP1x²x" + "0" * 64]
    )
    def test_odd_tokens(self, sandbox: Sandbox, token: str) -> None:
        assert code(sandbox.client.get("/me", params={"access_token": token})) == 190

    @pytest.mark.parametrize(
        "item",
        [
            {},
            {"relative_url": "http://["},
            {"relative_url": None, "body": 7},
            {"method": 1, "relative_url": ["me"]},
            {"relative_url": "me/accounts?limit=" + "9" * 5000},
            {"relative_url": "{result=a:$.b}"},
            {"relative_url": "%zz?%ff", "body": {"a": [1]}},
            {"method": "PUT", "relative_url": "me", "name": {}, "depends_on": 9},
        ],
    )
    def test_odd_items(self, sandbox: Sandbox, user: str, item: dict[str, Any]) -> None:
        form = {"batch": json.dumps([item, {"relative_url": "me"}]), "access_token": user}
        odd, good = sandbox.client.post("/", data=form).json()
        assert (odd["code"], good["code"]) == (400, 200)
        assert "error" in json.loads(odd["body"])

    @pytest.mark.parametrize("url", ["http://[", "http://localhost:99999999/x", "http://\x7f/"])
    def test_odd_callbacks_and_redirects(self, sandbox: Sandbox, url: str) -> None:
        app = sandbox.world.app_id
        form = {"object": "page", "callback_url": url, "access_token": sandbox.world.app_token}
        answer = sandbox.client.post(f"/{app}/subscriptions", data=form)
        assert answer.status_code == 400
        dialog = {"client_id": app, "redirect_uri": url, "state": "s"}
        assert sandbox.client.get("/dialog/oauth", params=dialog).status_code in (200, 400)

    @pytest.mark.parametrize("host", ["", "[", "a b", "é".encode()])
    def test_odd_hosts(self, sandbox: Sandbox, user: str, host: str | bytes) -> None:
        headers: Any = {"Host": host, "Authorization": f"Bearer {user}"}
        answer = sandbox.client.get("/me/accounts?limit=1", headers=headers)
        assert answer.status_code in (200, 400)
