"""The sandbox's Graph API, as any client meets it: over HTTP, judged by Meta's documents."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fbsync.sandbox import tokens
from fbsync.sandbox.graph_error import GraphError
from fbsync.sandbox.world import World
from tests import servers
from tests.servers import SCOPES, Sandbox

PAGE, OTHER_PAGE = "200000000000001", "200000000000002"


def get(sandbox: Sandbox, path: str, token: str | None = None, **params: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return sandbox.client.get(path, params=params, headers=headers)


def error(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


def proof(world: World, message: str) -> str:
    return hmac.new(world.app_secret.encode(), message.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def user(sandbox: Sandbox) -> str:
    """A long-lived user token."""
    return sandbox.log_in()


@pytest.fixture
def page(sandbox: Sandbox, user: str) -> str:
    """The token of PAGE."""
    return sandbox.page_token(user, PAGE)


class TestVersions:
    @pytest.mark.parametrize(
        ("asked", "answered"),
        [("/v26.0", "v26.0"), ("/v21.0", "v21.0"), ("/v19.0", "v21.0"), ("", "v26.0")],
    )
    def test_an_expired_version_falls_forward_and_the_header_says_so(
        self, sandbox: Sandbox, user: str, asked: str, answered: str
    ) -> None:
        answer = get(sandbox, f"{asked}/me", user)
        assert answer.status_code == 200
        assert answer.headers["facebook-api-version"] == answered
        assert answer.headers["x-fb-trace-id"]

    def test_an_unknown_version_is_an_unknown_path(self, sandbox: Sandbox, user: str) -> None:
        answer = get(sandbox, "/v99.0/me", user)
        assert answer.status_code == 400
        assert error(answer)["code"] == 2500
        assert error(answer)["message"] == "Unknown path components: /me"

    def test_a_trailing_slash_is_tolerated(self, sandbox: Sandbox, user: str) -> None:
        assert get(sandbox, "/v26.0/me/", user).json()["name"] == "Sam Sandbox"

    def test_the_retired_ids_parameter_is_an_error_500_of_code_100(
        self, sandbox: Sandbox, user: str
    ) -> None:
        answer = get(sandbox, "/v21.0/", user, ids=f"{PAGE},{OTHER_PAGE}")
        assert (answer.status_code, error(answer)["code"]) == (500, 100)

    def test_conditional_reads_are_never_answered_304(self, sandbox: Sandbox, user: str) -> None:
        headers = {"Authorization": f"Bearer {user}", "If-None-Match": "*"}
        assert sandbox.client.get("/v26.0/me", headers=headers).status_code == 200

    def test_a_field_retired_in_v26_is_readable_before(self, sandbox: Sandbox, user: str) -> None:
        answer = get(sandbox, f"/v26.0/{PAGE}", user, fields="parking")
        assert error(answer)["code"] == 12
        assert get(sandbox, f"/v25.0/{PAGE}", user, fields="parking").status_code == 200


class TestTokens:
    @pytest.mark.parametrize("way", ["header", "query", "form"])
    def test_a_token_is_taken_from_header_query_and_form(
        self, sandbox: Sandbox, page: str, way: str
    ) -> None:
        headers = {"Authorization": f"Bearer {page}"} if way == "header" else {}
        params = {"access_token": page} if way == "query" else {}
        form = {"about": "New"} | ({"access_token": page} if way == "form" else {})
        answer = sandbox.client.post(f"/v26.0/{PAGE}", headers=headers, params=params, data=form)
        assert answer.json() == {"success": True}

    def test_no_token_is_error_2500(self, sandbox: Sandbox) -> None:
        assert error(get(sandbox, "/v26.0/me"))["code"] == 2500

    @pytest.mark.parametrize("change", ["garbage", "EAAUnothing", "cut", "another page"])
    def test_a_made_up_token_cannot_be_parsed(
        self, sandbox: Sandbox, page: str, change: str
    ) -> None:
        token = {
            "cut": page[:-1],
            "another page": page.replace(PAGE, OTHER_PAGE),
        }.get(change, change)
        answer = error(get(sandbox, "/v26.0/me", token))
        assert answer["code"] == 190
        assert answer["message"] == "Invalid OAuth access token - Cannot parse access token"

    def test_proofs_agree_with_an_independent_computation(
        self, sandbox: Sandbox, user: str
    ) -> None:
        good = proof(sandbox.world, user)
        assert get(sandbox, "/v26.0/me", user, appsecret_proof=good).status_code == 200
        wrong = error(get(sandbox, "/v26.0/me", user, appsecret_proof="0" * 64))
        assert (wrong["code"], wrong["type"]) == (100, "GraphMethodException")

    def test_a_proof_fits_the_vector_of_the_reference(self) -> None:
        params = {
            "appsecret_proof": "61b5257ec5c5a53e992ae4d93afa0975e1f1be671788f65a476b0689ad5d5dd5"
        }
        tokens.check_proof(World(app_secret="secret"), "EAAtoken", params)
        with pytest.raises(GraphError, match="Invalid appsecret_proof"):
            tokens.check_proof(World(app_secret="secret"), "EAAother", params)

    def test_a_timed_proof_of_long_ago_is_refused(self) -> None:
        params = {
            "appsecret_proof": "2d778cc4ae07bfc8807ddf837a644973640ef36ee5f39ca0d5692200b9a56dcc",
            "appsecret_time": "1700000000",
        }
        with pytest.raises(GraphError, match="Invalid appsecret_proof"):
            tokens.check_proof(World(app_secret="secret"), "EAAtoken", params)

    def test_a_timed_proof_of_now_is_taken(
        self, sandbox: Sandbox, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
        good = proof(sandbox.world, f"{user}|1700000000")
        answer = get(sandbox, "/v26.0/me", user, appsecret_proof=good, appsecret_time="1700000000")
        assert answer.status_code == 200

    def test_a_proof_can_be_required(self, sandbox: Sandbox, user: str) -> None:
        sandbox.client.post("/_sandbox/switches", json={"require_proof": True})
        assert "require an appsecret_proof" in error(get(sandbox, "/v26.0/me", user))["message"]

    def test_a_page_token_of_a_long_login_has_no_end_and_that_of_a_short_one_has(
        self, sandbox: Sandbox, page: str
    ) -> None:
        short = sandbox.page_token(sandbox.exchange_code(sandbox.code()), PAGE)
        assert self.debug(sandbox, page)["expires_at"] == 0
        assert self.debug(sandbox, short)["expires_at"] > 0

    def test_debug_token_tells_what_a_token_is(self, sandbox: Sandbox, page: str) -> None:
        data = self.debug(sandbox, page)
        assert data["is_valid"] is True
        assert (data["type"], data["profile_id"]) == ("PAGE", PAGE)
        assert set(SCOPES.split(",")) < set(data["scopes"])

    def test_debug_token_says_why_a_token_is_not_valid(self, sandbox: Sandbox, page: str) -> None:
        revoked = {"page_id": PAGE, "subcode": 492}
        sandbox.client.post("/_sandbox/tokens/revoke", json=revoked)
        data = self.debug(sandbox, page)
        assert (data["is_valid"], data["error"]["subcode"]) == (False, 492)

    def test_an_expired_login_answers_463(
        self, sandbox: Sandbox, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end = sandbox.world.logins[2].expires_at
        monkeypatch.setattr("time.time", lambda: end + 1.0)
        answer = error(get(sandbox, "/v26.0/me", user))
        assert (answer["code"], answer["error_subcode"]) == (190, 463)

    def test_a_new_login_brings_a_working_page_token_again(
        self, sandbox: Sandbox, page: str
    ) -> None:
        sandbox.client.post("/_sandbox/tokens/revoke", json={"page_id": PAGE})
        assert error(get(sandbox, f"/v26.0/{PAGE}", page))["error_subcode"] == 460
        again = sandbox.page_token(sandbox.log_in(), PAGE)
        assert get(sandbox, f"/v26.0/{PAGE}", again).status_code == 200

    @staticmethod
    def debug(sandbox: Sandbox, token: str) -> dict[str, Any]:
        app_token = sandbox.world.app_token
        answer = get(sandbox, "/v26.0/debug_token", app_token, input_token=token)
        found: dict[str, Any] = answer.json()["data"]
        return found


class TestPages:
    def test_only_what_is_asked_for_is_answered(self, sandbox: Sandbox, page: str) -> None:
        answer = get(sandbox, f"/v26.0/{PAGE}", page, fields="name,location{city},picture{width}")
        assert answer.json() == {
            "id": PAGE,
            "name": "Café Zeitgeist",
            "location": {"city": "Berlin"},
            "picture": {"data": {"width": 50}},
        }

    def test_the_default_is_id_and_name(self, sandbox: Sandbox, page: str) -> None:
        found = get(sandbox, f"/v26.0/{PAGE}", page).json()
        assert found == {"id": PAGE, "name": "Café Zeitgeist"}

    def test_an_unset_field_is_absent(self, sandbox: Sandbox, page: str) -> None:
        sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"about": None})
        found = get(sandbox, f"/v26.0/{PAGE}", page, fields="about,phone").json()
        assert set(found) == {"id", "phone"}

    def test_an_unknown_field_fails_the_whole_call(self, sandbox: Sandbox, page: str) -> None:
        answer = error(get(sandbox, f"/v26.0/{PAGE}", page, fields="name,colour"))
        assert answer["code"] == 100
        assert "nonexisting field (colour) on node type (Page)" in answer["message"]

    @pytest.mark.parametrize("fields", ["name{", "name,}", "na-me"])
    def test_a_broken_field_list_is_error_100(
        self, sandbox: Sandbox, page: str, fields: str
    ) -> None:
        assert error(get(sandbox, f"/v26.0/{PAGE}", page, fields=fields))["code"] == 100

    @pytest.mark.parametrize("name", ["200000000000099", "nobody", OTHER_PAGE])
    def test_what_a_token_may_not_see_does_not_exist(
        self, sandbox: Sandbox, page: str, name: str
    ) -> None:
        answer = error(get(sandbox, f"/v26.0/{name}", page))
        assert (answer["code"], answer["error_subcode"]) == (100, 33)

    def test_a_description_needs_pages_read_engagement(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in("pages_show_list")
        answer = error(get(sandbox, f"/v26.0/{PAGE}", user, fields="description"))
        assert answer["code"] == 100
        assert "pages_read_engagement" in answer["message"]
        assert get(sandbox, f"/v26.0/{PAGE}", user, fields="name").status_code == 200

    def test_the_api_edits_writable_fields_alone(self, sandbox: Sandbox, page: str) -> None:
        headers = {"Authorization": f"Bearer {page}"}
        form = {"phone": "+1", "hours": '{"mon_1_open": "08:00"}'}
        assert sandbox.client.post(f"/v26.0/{PAGE}", data=form, headers=headers).is_success
        found = get(sandbox, f"/v26.0/{PAGE}", page, fields="phone,hours").json()
        assert (found["phone"], found["hours"]) == ("+1", {"mon_1_open": "08:00"})
        refused = sandbox.client.post(f"/v26.0/{PAGE}", data={"name": "New"}, headers=headers)
        assert error(refused)["code"] == 100

    def test_the_owner_may_rename(self, sandbox: Sandbox, page: str) -> None:
        answer = sandbox.client.post(f"/_sandbox/pages/{PAGE}", json={"name": "Ümlaut"})
        assert answer.json()["name"] == "Ümlaut"
        assert get(sandbox, f"/v26.0/{PAGE}", page).json()["name"] == "Ümlaut"

    def test_a_removed_page_is_gone(self, sandbox: Sandbox, user: str, page: str) -> None:
        assert sandbox.client.delete(f"/_sandbox/pages/{PAGE}").is_success
        assert error(get(sandbox, f"/v26.0/{PAGE}", page))["error_subcode"] == 33
        listed = get(sandbox, "/v26.0/me/accounts", user).json()["data"]
        assert [item["id"] for item in listed] == [OTHER_PAGE, "200000000000003"]
        assert sandbox.client.delete(f"/_sandbox/pages/{PAGE}").status_code == 404

    def test_an_unknown_edge_and_an_unknown_path_are_told_apart(
        self, sandbox: Sandbox, page: str
    ) -> None:
        assert error(get(sandbox, f"/v26.0/{PAGE}/posters", page))["code"] == 100
        assert error(get(sandbox, "/v26.0/nobody/posters", page))["code"] == 2500


class TestAccounts:
    def test_an_item_has_the_fields_of_metas_default(self, sandbox: Sandbox, user: str) -> None:
        first, *_ = get(sandbox, "/v26.0/me/accounts", user).json()["data"]
        assert set(first) == {
            *("access_token", "category", "category_list", "id", "name", "tasks"),
        }
        assert "MANAGE" in first["tasks"]

    def test_paging_goes_on_by_cursor_and_next_holds_the_token(
        self, sandbox: Sandbox, user: str
    ) -> None:
        first = get(sandbox, "/v26.0/me/accounts", user, limit="2").json()
        following = parse_qs(urlsplit(first["paging"]["next"]).query)
        assert following["access_token"] == [user]
        second = sandbox.client.get(first["paging"]["next"]).json()
        by_cursor = get(
            sandbox,
            "/v26.0/me/accounts",
            user,
            limit="2",
            after=first["paging"]["cursors"]["after"],
        ).json()
        ids = [item["id"] for item in first["data"] + second["data"]]
        assert ids == [PAGE, OTHER_PAGE, "200000000000003"]
        assert by_cursor["data"] == second["data"]
        assert "next" not in second["paging"]

    def test_paging_goes_back(self, sandbox: Sandbox, user: str) -> None:
        after = get(sandbox, "/v26.0/me/accounts", user, limit="2").json()["paging"]["cursors"]
        last = get(sandbox, "/v26.0/me/accounts", user, after=after["after"]).json()
        back = get(
            sandbox, "/v26.0/me/accounts", user, before=last["paging"]["cursors"]["before"]
        ).json()
        assert [item["id"] for item in back["data"]] == [PAGE, OTHER_PAGE]

    def test_an_empty_part_may_stand_in_the_middle(self, sandbox: Sandbox, user: str) -> None:
        sandbox.client.post("/_sandbox/switches", json={"empty_accounts_page": True})
        url, sizes = f"{sandbox.url}/v26.0/me/accounts?limit=2&access_token={user}", []
        while url:
            answer = sandbox.client.get(url).json()
            sizes.append(len(answer["data"]))
            url = answer["paging"].get("next", "")
        assert sizes == [2, 0, 1]

    def test_without_pages_show_list_the_list_is_empty(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in("pages_read_engagement")
        assert get(sandbox, "/v26.0/me/accounts", user).json() == {"data": []}

    def test_a_page_token_has_no_accounts(self, sandbox: Sandbox, page: str) -> None:
        answer = get(sandbox, "/v26.0/me/accounts", page)
        assert answer.status_code == 400
        assert error(answer)["message"] == (
            "(#100) Tried accessing nonexisting field (accounts) on node type (Page)"
        )

    @pytest.mark.parametrize(
        "params", [{"limit": "0"}, {"limit": "x"}, {"after": "%%%"}, {"after": "c2FuZGJveDo5OTk"}]
    )
    def test_a_bad_place_is_error_100(
        self, sandbox: Sandbox, user: str, params: dict[str, str]
    ) -> None:
        assert error(get(sandbox, "/v26.0/me/accounts", user, **params))["code"] == 100

    def test_the_summary_counts(self, sandbox: Sandbox, user: str) -> None:
        answer = get(sandbox, "/v26.0/me/accounts", user, summary="true").json()
        assert answer["summary"] == {"total_count": 3}

    def test_many_pages_are_listed_without_gap_or_double(self) -> None:
        with servers.sandbox(World(page_count=230)) as sandbox:
            user, after, found = sandbox.log_in(), "", list[str]()
            while True:
                answer = get(sandbox, "/v26.0/me/accounts", user, limit="100", after=after).json()
                found += [item["id"] for item in answer["data"]]
                if "next" not in answer["paging"]:
                    break
                after = answer["paging"]["cursors"]["after"]
        assert found == sandbox.world.page_ids
        assert len(set(found)) == 230


class TestPermissions:
    def test_what_was_not_granted_is_declined(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in(shown="1", grant="pages_show_list", page=PAGE)
        data = get(sandbox, "/v26.0/me/permissions", user).json()["data"]
        assert {item["permission"]: item["status"] for item in data} == {
            "pages_manage_metadata": "declined",
            "pages_read_engagement": "declined",
            "pages_show_list": "granted",
            "public_profile": "granted",
        }

    def test_a_revoked_permission_no_longer_helps(self, sandbox: Sandbox, user: str) -> None:
        headers = {"Authorization": f"Bearer {user}"}
        path = "/v26.0/me/permissions/pages_read_engagement"
        assert sandbox.client.delete(path, headers=headers).json() == {"success": True}
        assert error(get(sandbox, f"/v26.0/{PAGE}", user, fields="about"))["code"] == 100

    def test_removing_the_app_ends_its_tokens(self, sandbox: Sandbox, user: str) -> None:
        headers = {"Authorization": f"Bearer {user}"}
        sandbox.client.delete("/v26.0/me/permissions", headers=headers)
        assert error(get(sandbox, "/v26.0/me", user))["error_subcode"] == 458


class TestBatch:
    def send(self, sandbox: Sandbox, items: object, token: str, **form: str) -> httpx.Response:
        data = {"batch": json.dumps(items), "access_token": token} | form
        return sandbox.client.post("/v26.0/", data=data)

    def test_each_item_has_its_own_token_and_its_own_answer(
        self, sandbox: Sandbox, page: str
    ) -> None:
        items = [
            {"method": "GET", "relative_url": f"{PAGE}?fields=name&access_token={page}"},
            {"method": "GET", "relative_url": f"v26.0/{OTHER_PAGE}/?access_token={page}"},
            {"method": "POST", "relative_url": PAGE, "body": f"about=B&access_token={page}"},
        ]
        answer = self.send(sandbox, items, sandbox.world.app_token)
        assert answer.status_code == 200
        good, bad, posted = answer.json()
        assert json.loads(good["body"])["name"] == "Café Zeitgeist"
        assert (good["code"], bad["code"]) == (200, 400)
        assert json.loads(bad["body"])["error"]["error_subcode"] == 33
        assert json.loads(posted["body"]) == {"success": True}
        assert {"name": "facebook-api-version", "value": "v26.0"} in good["headers"]

    def test_headers_can_be_left_out(self, sandbox: Sandbox, user: str) -> None:
        items = [{"method": "GET", "relative_url": "me"}]
        (item,) = self.send(sandbox, items, user, include_headers="false").json()
        assert set(item) == {"code", "body"}

    def test_an_items_proof_is_that_of_its_own_token(
        self, sandbox: Sandbox, user: str, page: str
    ) -> None:
        url = f"{PAGE}?access_token={page}&appsecret_proof="
        items = [
            {"method": "GET", "relative_url": url + proof(sandbox.world, page)},
            {"method": "GET", "relative_url": url + proof(sandbox.world, user)},
            {"method": "GET", "relative_url": "me"},
        ]
        answer = self.send(sandbox, items, user, appsecret_proof=proof(sandbox.world, user))
        assert [item["code"] for item in answer.json()] == [200, 400, 200]

    @pytest.mark.parametrize("token", ["", "garbage"])
    def test_a_bad_token_on_top_fails_the_whole_batch(self, sandbox: Sandbox, token: str) -> None:
        answer = self.send(sandbox, [{"method": "GET", "relative_url": "me"}], token)
        assert answer.status_code == 400
        assert "error" in answer.json()

    @pytest.mark.parametrize(
        "items", [[{"relative_url": "me"}] * 51, {"relative_url": "me"}, ["me"]]
    )
    def test_too_many_items_or_no_list_are_refused(
        self, sandbox: Sandbox, user: str, items: object
    ) -> None:
        assert self.send(sandbox, items, user).status_code == 400
        assert sandbox.client.post("/", data={"batch": "[", "access_token": user}).is_error

    def test_an_unfinished_item_is_null(self, sandbox: Sandbox, user: str) -> None:
        sandbox.client.post("/_sandbox/faults", json={"path": PAGE})
        items = [{"relative_url": "me"}, {"relative_url": PAGE}]
        first = self.send(sandbox, items, user).json()
        assert (first[0]["code"], first[1]) == (200, None)
        assert self.send(sandbox, items, user).json()[1]["code"] == 200


class TestFaultsAndCalls:
    def test_a_fault_comes_as_often_as_asked(self, sandbox: Sandbox, user: str) -> None:
        fault = {"path": "me", "times": 2, "error": {"code": 4, "message": "(#4) limit"}}
        sandbox.client.post("/_sandbox/faults", json=fault)
        answers = [get(sandbox, "/v26.0/me", user) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [400, 400, 200]
        assert error(answers[0])["code"] == 4
        assert error(answers[0])["fbtrace_id"]

    def test_a_fault_without_an_error_is_no_json(self, sandbox: Sandbox, user: str) -> None:
        sandbox.client.post("/_sandbox/faults", json={"path": "me"})
        answer = get(sandbox, "/v26.0/me", user)
        assert answer.status_code == 502
        assert answer.headers["content-type"].startswith("text/html")

    def test_calls_are_listed_without_tokens(self, sandbox: Sandbox, user: str) -> None:
        sandbox.client.delete("/_sandbox/calls")
        get(sandbox, "/v26.0/me", user)
        get(sandbox, f"/v26.0/{PAGE}/", access_token=user)
        items = json.dumps([{"method": "GET", "relative_url": f"me?access_token={user}"}])
        sandbox.client.post("/v26.0/", data={"batch": items, "access_token": user})
        answer = sandbox.client.get("/_sandbox/calls")
        assert answer.json()["data"] == [
            {"method": "GET", "path": "me", "status": 200},
            {"method": "GET", "path": PAGE, "status": 200},
            {
                "method": "POST",
                "path": "",
                "status": 200,
                "batch": [{"method": "GET", "path": "me", "status": 200}],
            },
        ]
        assert (answer.json()["requests"], answer.json()["calls"]) == (3, 3)
        assert "EAA" not in answer.text

    def test_usage_is_told_after_enough_calls(self, sandbox: Sandbox, user: str, page: str) -> None:
        assert "x-app-usage" not in get(sandbox, "/v26.0/me", user).headers
        sandbox.world.call_count = 2_850
        usage = json.loads(get(sandbox, "/v26.0/me", user).headers["x-app-usage"])
        assert usage == {"call_count": 28, "total_cputime": 28, "total_time": 28}
        headers = get(sandbox, f"/v26.0/{PAGE}", page).headers
        (entry,) = json.loads(headers["x-business-use-case-usage"])[PAGE]
        assert (entry["type"], entry["estimated_time_to_regain_access"]) == ("pages", 0)

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("faults", "[]"),
            ("faults", '{"times": "x"}'),
            ("faults", '{"error": "x"}'),
            ("switches", '{"unknown": true}'),
            ("switches", '{"require_proof": "yes"}'),
            ("switches", "{bad"),
            ("switches", "[1]"),
            ("tokens/revoke", "{bad"),
            ("tokens/revoke", '{"subcode": "x"}'),
            ("pages", '{"200000000000001": 1}'),
            (f"pages/{PAGE}", "no JSON"),
            (f"pages/{PAGE}", '{"name": "\\ud800"}'),
            ("test-event", "{}"),
        ],
    )
    def test_a_mistake_in_a_control_call_is_explained(
        self, sandbox: Sandbox, path: str, body: str
    ) -> None:
        answer = sandbox.client.post(f"/_sandbox/{path}", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]

    def test_an_unknown_page_cannot_be_edited(self, sandbox: Sandbox) -> None:
        assert sandbox.client.post("/_sandbox/pages/1", json={}).status_code == 404
        assert sandbox.client.post("/_sandbox/pages", json={"1": {}}).status_code == 404

    def test_all_pages_are_listed_without_tokens(self, sandbox: Sandbox) -> None:
        answer = sandbox.client.get("/_sandbox/pages")
        assert [page["id"] for page in answer.json()["data"]] == sandbox.world.page_ids
        assert "access_token" not in answer.text


class TestRequests:
    """How clients may send, and what no client may."""

    def test_a_json_body_is_as_good_as_a_form(self, sandbox: Sandbox, page: str) -> None:
        body = {"access_token": page, "hours": {"mon_1_open": "07:00"}, "phone": "+1"}
        assert sandbox.client.post(f"/v26.0/{PAGE}", json=body).json() == {"success": True}
        found = get(sandbox, f"/v26.0/{PAGE}", page, fields="hours,phone").json()
        assert (found["hours"], found["phone"]) == ({"mon_1_open": "07:00"}, "+1")

    @pytest.mark.parametrize("content", [b"{", b"[1]"])
    def test_a_json_body_that_is_no_object_brings_no_parameters(
        self, sandbox: Sandbox, content: bytes
    ) -> None:
        headers = {"Content-Type": "application/json"}
        answer = sandbox.client.post(f"/v26.0/{PAGE}", content=content, headers=headers)
        assert error(answer)["code"] == 2500

    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("me?fields=id,shoe_size", 100),
            ("me/friends", 100),
            (f"{PAGE}?fields=name.limit(1){{}}", None),
            ("oauth/access_token", 101),
            ("nothing/at/all", 2500),
        ],
    )
    def test_a_user_reads_what_there_is(
        self, sandbox: Sandbox, user: str, path: str, code: int | None
    ) -> None:
        answer = sandbox.client.get(
            f"/v26.0/{path}", headers={"Authorization": f"Bearer {user}"}
        ).json()
        assert answer.get("error", {}).get("code") == code

    def test_me_with_a_page_token_is_the_page(self, sandbox: Sandbox, page: str) -> None:
        assert get(sandbox, "/v26.0/me", page).json() == {"id": PAGE, "name": "Café Zeitgeist"}

    def test_the_app_is_a_node_and_no_person(self, sandbox: Sandbox) -> None:
        world = sandbox.world
        found = get(sandbox, f"/v26.0/{world.app_id}", world.app_token).json()
        assert found["id"] == world.app_id
        assert error(get(sandbox, "/v26.0/me", world.app_token))["code"] == 2500

    @pytest.mark.parametrize(("method", "path"), [("POST", "me"), ("DELETE", PAGE), ("PUT", PAGE)])
    def test_a_method_that_does_not_fit_is_unsupported(
        self, sandbox: Sandbox, user: str, method: str, path: str
    ) -> None:
        items = json.dumps([{"method": method, "relative_url": path}])
        answer = sandbox.client.post("/", data={"batch": items, "access_token": user})
        (item,) = answer.json()
        assert item["code"] == 400
        assert "Unsupported" in item["body"]

    def test_an_edit_needs_the_pages_own_token_and_permission(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in("pages_show_list")
        token = sandbox.page_token(user, PAGE)
        for path, expected in ((PAGE, 200), (OTHER_PAGE, 100)):
            form = {"phone": "+1", "access_token": token}
            assert error(sandbox.client.post(f"/v26.0/{path}", data=form))["code"] == expected

    def test_an_edit_with_broken_json_is_refused(self, sandbox: Sandbox, page: str) -> None:
        form = {"hours": "{", "access_token": page}
        assert error(sandbox.client.post(f"/v26.0/{PAGE}", data=form))["code"] == 100

    def test_a_list_of_fields_may_be_json(self, sandbox: Sandbox, page: str) -> None:
        for fields, code in (('["name"]', 200), ("[", 200), ('{"a": 1}', 200)):
            form = {"subscribed_fields": fields, "access_token": page}
            answer = sandbox.client.post(f"/v26.0/{PAGE}/subscribed_apps", data=form)
            assert answer.status_code == (400 if fields.startswith("{") else code)

    def test_debug_token_is_for_the_app_and_its_developer(
        self, sandbox: Sandbox, user: str, page: str
    ) -> None:
        own = get(sandbox, "/v26.0/debug_token", user, input_token=user).json()["data"]
        assert (own["type"], own["is_valid"]) == ("USER", True)
        app = get(
            sandbox,
            "/v26.0/debug_token",
            sandbox.world.app_token,
            input_token=sandbox.world.app_token,
        ).json()["data"]
        assert (app["type"], app["expires_at"]) == ("APP", 0)
        of_page = get(sandbox, "/v26.0/debug_token", user, input_token=page).json()["data"]
        assert (of_page["type"], of_page["profile_id"]) == ("PAGE", PAGE)
        for text in (user, page):
            assert error(get(sandbox, "/v26.0/debug_token", page, input_token=text))["code"] == 100

    def test_only_the_picked_pages_stand_among_the_granular_scopes(self, sandbox: Sandbox) -> None:
        user = sandbox.log_in(shown="1", grant="pages_show_list", page=PAGE)
        answer = get(
            sandbox, "/v26.0/debug_token", sandbox.world.app_token, input_token=user
        ).json()
        assert {"scope": "pages_show_list", "target_ids": [PAGE]} in answer["data"][
            "granular_scopes"
        ]
