"""The sandbox's faults: by name, chosen by a seed, and the throttle of a used-up limit."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest

from fbsync.sandbox.faults import NAMED
from fbsync.sandbox.seeded import RATES, SeededFaults, seeded_faults
from fbsync.sandbox.world import World
from tests import servers
from tests.servers import Sandbox

PAGE, OTHER_PAGE = "200000000000001", "200000000000002"
BUSINESS = "x-business-use-case-usage"


def get(sandbox: Sandbox, path: str, token: str, **params: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return sandbox.client.get(f"/v26.0/{path}", params=params, headers=headers)


def control(sandbox: Sandbox, endpoint: str, /, **body: object) -> dict[str, Any]:
    answer = sandbox.client.post(f"/_sandbox/{endpoint}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def batch(sandbox: Sandbox, token: str, urls: list[str]) -> list[Any]:
    items = json.dumps([{"method": "GET", "relative_url": url} for url in urls])
    answer = sandbox.client.post("/v26.0/", data={"batch": items, "access_token": token})
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()
    return found


@pytest.fixture
def user(sandbox: Sandbox) -> str:
    return sandbox.log_in()


@pytest.fixture
def page(sandbox: Sandbox, user: str) -> str:
    return sandbox.page_token(user, PAGE)


class TestNamedFaults:
    def test_each_comes_once_with_its_status_and_code(self, sandbox: Sandbox, page: str) -> None:
        for name in sorted(set(NAMED) - {"slow"}):
            control(sandbox, "faults", name=name, path=PAGE)
            answer = get(sandbox, PAGE, page)
            error = NAMED[name].error
            if error is None:
                assert answer.status_code == NAMED[name].status
                with pytest.raises(ValueError, match="Expecting"):
                    answer.json()
            else:
                assert answer.status_code == error.status
                found = answer.json()["error"]
                assert (found["code"], found.get("error_subcode")) == (error.code, error.subcode)
                assert found["message"]
                assert found["fbtrace_id"]
            assert get(sandbox, PAGE, page).status_code == 200

    def test_a_throttle_tells_its_usage_and_the_minutes(self, sandbox: Sandbox, page: str) -> None:
        control(sandbox, "faults", name="page-throttle", minutes=7)
        (entry,) = json.loads(get(sandbox, PAGE, page).headers[BUSINESS])[PAGE]
        assert (entry["call_count"], entry["estimated_time_to_regain_access"]) == (100, 7)
        control(sandbox, "faults", name="throttle")
        headers = get(sandbox, PAGE, page).headers
        assert json.loads(headers["x-app-usage"])["call_count"] == 100

    def test_a_retired_field_is_named(self, sandbox: Sandbox, page: str) -> None:
        for name in ("retired-field", "unknown-field"):
            control(sandbox, "faults", name=name, field="phone")
            assert "phone" in get(sandbox, PAGE, page).json()["error"]["message"]

    def test_slow_is_the_right_answer_later(self, sandbox: Sandbox, page: str) -> None:
        control(sandbox, "faults", name="slow", seconds=0.01)
        assert get(sandbox, PAGE, page).json()["id"] == PAGE
        assert sandbox.client.get("/_sandbox/faults").json()["data"] == []

    def test_in_a_batch_a_null_is_null_and_a_proxys_page_is_text(
        self, sandbox: Sandbox, user: str
    ) -> None:
        control(sandbox, "faults", name="null", path=PAGE)
        control(sandbox, "faults", name="html-502", path=OTHER_PAGE)
        good, null, text = batch(sandbox, user, ["me", PAGE, OTHER_PAGE])
        assert (good["code"], null, text["code"]) == (200, None, 502)
        assert text["body"].startswith("<html>")

    def test_a_whole_batch_fails_where_the_fault_names_it(
        self, sandbox: Sandbox, user: str
    ) -> None:
        control(sandbox, "faults", name="transient", path="batch")
        items = {"batch": '[{"relative_url": "me"}]', "access_token": user}
        assert get(sandbox, "me", user).status_code == 200
        assert sandbox.client.post("/", data=items).json()["error"]["code"] == 2
        assert sandbox.client.post("/", data=items).status_code == 200

    def test_waiting_faults_are_listed_and_cleared(self, sandbox: Sandbox, user: str) -> None:
        control(sandbox, "faults", name="transient", path="me", times=3)
        control(sandbox, "faults/seed", seed=7)
        listed = sandbox.client.get("/_sandbox/faults").json()
        (fault,) = listed["data"]
        assert (fault["name"], fault["times"], listed["seed"]) == ("transient", 3, 7)
        assert sandbox.client.delete("/_sandbox/faults").is_success
        assert sandbox.client.get("/_sandbox/faults").json()["data"] == []
        assert get(sandbox, "me", user).status_code == 200

    @pytest.mark.parametrize(
        ("path", "body", "told"),
        [
            ("faults", {"name": "nonsense"}, "page-throttle"),
            ("faults", {"status": 99}, "status"),
            ("faults", {"status": 204}, "no body"),
            ("faults", {"minutes": -1, "name": "page-throttle"}, "minutes"),
            ("faults", {"times": True}, "times"),
            ("faults/seed", {"seed": "7"}, "whole number"),
            ("faults/seed", {"seed": 7, "rates": [1]}, "object"),
            ("faults/seed", {"seed": 7, "rates": {"colour": 1}}, "throttle"),
            ("faults/seed", {"seed": 7, "rates": {"null": 2}}, "between 0 and 1"),
        ],
    )
    def test_a_mistake_is_explained(
        self, sandbox: Sandbox, path: str, body: dict[str, object], told: str
    ) -> None:
        answer = sandbox.client.post(f"/_sandbox/{path}", json=body)
        assert answer.status_code == 400
        assert told in answer.json()["error"]


class TestSeed:
    def test_the_same_seed_decides_the_same_in_any_order(self) -> None:
        things = [str(number) for number in range(2000)]
        one, other = seeded_faults(7), seeded_faults(7)
        forward = {thing: [one.passing(thing) for _ in range(3)] for thing in things}
        backward: dict[str, list[str | None]] = {thing: [] for thing in things}
        for _ in range(3):
            for thing in reversed(things):
                backward[thing].append(other.passing(thing))
        assert forward == backward
        third = seeded_faults(8)
        assert [third.passing(thing) for thing in things] != [forward[t][0] for t in things]

    def test_about_two_in_a_hundred_get_each_fault_that_passes(self) -> None:
        faults = seeded_faults(7)
        found = Counter(faults.passing(str(number)) for number in range(20_000))
        for kind in ("throttle", "transient", "null"):
            assert 300 < found[kind] < 500

    def test_a_fault_hits_at_most_twice_in_a_row(self) -> None:
        faults = seeded_faults(7, {"throttle": 0.5, "transient": 0.5})
        hits = [faults.passing("thing") is not None for _ in range(30)]
        assert hits == [True, True, False] * 10

    def test_one_page_in_each_hundred_is_expired(self) -> None:
        for seed in range(20):
            faults = seeded_faults(seed)
            expired = [number for number in range(500) if faults.is_expired(number)]
            assert [number // 100 for number in expired] == [0, 1, 2, 3, 4]

    def test_without_rates_nothing_happens(self) -> None:
        faults = SeededFaults(7, dict.fromkeys(RATES, 0.0))
        assert {faults.passing(str(number)) for number in range(999)} == {None}
        assert not any(faults.is_expired(number) for number in range(999))
        assert faults.empty_part_at(500) is None
        assert faults.retired_field() is None

    def test_a_client_that_asks_again_gets_every_page(self) -> None:
        with servers.sandbox(World(page_count=150)) as sandbox:
            user = sandbox.log_in()
            control(sandbox, "faults/seed", seed=3, rates={"null": 0.2, "expired": 0})
            missing, rounds = set(sandbox.world.page_ids), 0
            while missing:
                rounds += 1
                for answer in batch(sandbox, user, sorted(missing)[:50]):
                    if answer and answer["code"] == 200:
                        missing.remove(json.loads(answer["body"])["id"])
            assert 3 < rounds < 9

    def test_an_expired_token_is_expired_everywhere_and_for_good(self) -> None:
        with servers.sandbox(World(page_count=100)) as sandbox:
            user = sandbox.log_in()
            rates = dict.fromkeys(RATES, 0.0) | {"expired": 0.01}
            control(sandbox, "faults/seed", seed=5, rates=rates)
            fields = {"fields": "access_token", "limit": "100"}
            listed = get(sandbox, "me/accounts", user, **fields).json()["data"]
            tokens = {page["id"]: page["access_token"] for page in listed}
            urls = [f"{page}?access_token={token}" for page, token in tokens.items()]
            answers = batch(sandbox, user, urls[:50]) + batch(sandbox, user, urls[50:])
            errors = [json.loads(answer["body"]).get("error", {}) for answer in answers]
            codes = dict(zip(tokens, errors, strict=True))
            (expired,) = [page for page, error in codes.items() if error]
            assert (codes[expired]["code"], codes[expired]["error_subcode"]) == (190, 463)
            debugged = get(
                sandbox,
                "debug_token",
                sandbox.world.app_token,
                input_token=tokens[expired],
            )
            assert debugged.json()["data"]["is_valid"] is False

    def test_one_later_part_of_the_list_is_empty_and_nothing_is_lost(self) -> None:
        with servers.sandbox(World(page_count=450)) as sandbox:
            user = sandbox.log_in()
            rates = dict.fromkeys(RATES, 0.0) | {"empty_part": 1}
            control(sandbox, "faults/seed", seed=5, rates=rates)
            url, sizes = f"{sandbox.url}/v26.0/me/accounts?limit=100&access_token={user}", []
            while url:
                answer = sandbox.client.get(url).json()
                sizes.append(len(answer["data"]))
                url = answer["paging"].get("next", "")
            assert sorted(sizes) == [0, 50, 100, 100, 100, 100]
            assert sizes[0] == 100

    @pytest.mark.parametrize("code", [12, 100])
    def test_one_field_is_retired_for_good(self, sandbox: Sandbox, user: str, code: int) -> None:
        rates = dict.fromkeys(RATES, 0.0) | {"retired_field": 1}
        wanted = code == 100
        seed = next(n for n in range(99) if SeededFaults(n, rates).has_forgotten is wanted)
        control(sandbox, "faults/seed", seed=seed, rates=rates)
        field = str(SeededFaults(seed, rates).retired_field())
        for path in (PAGE, "me/accounts"):
            error = get(sandbox, path, user, fields=f"name,{field}").json()["error"]
            assert error["code"] == code
            assert field in error["message"]
        assert get(sandbox, PAGE, user, fields="name").status_code == 200

    def test_a_throttle_of_the_seed_names_no_wait(self, sandbox: Sandbox, page: str) -> None:
        control(sandbox, "faults/seed", seed=1, rates={"throttle": 1})
        answer = get(sandbox, PAGE, page)
        assert answer.json()["error"]["code"] == 80001
        (entry,) = json.loads(answer.headers[BUSINESS])[PAGE]
        assert (entry["call_count"], entry["estimated_time_to_regain_access"]) == (100, 0)

    def test_a_transient_error_and_a_null_of_the_seed(self, sandbox: Sandbox, user: str) -> None:
        control(sandbox, "faults/seed", seed=1, rates={"throttle": 0, "transient": 1})
        assert get(sandbox, "me", user).json()["error"]["is_transient"] is True
        control(sandbox, "faults/seed", seed=1, rates={"throttle": 0, "transient": 0, "null": 1})
        assert get(sandbox, "me", user).status_code == 502
        assert batch(sandbox, user, [PAGE]) == [None]
        control(sandbox, "faults/seed", seed=1, rates={"throttle": 1})
        assert get(sandbox, "me", user).json()["error"]["code"] == 2


class TestLimits:
    def test_usage_is_shown_as_switched(self, sandbox: Sandbox, user: str, page: str) -> None:
        control(sandbox, "switches", app_usage_percent=81, page_usage_percent=62)
        assert json.loads(get(sandbox, "me", user).headers["x-app-usage"])["total_time"] == 81
        headers = get(sandbox, PAGE, page).headers
        (entry,) = json.loads(headers[BUSINESS])[PAGE]
        assert (entry["type"], entry["call_count"]) == ("pages", 62)
        assert "x-page-usage" not in headers
        control(sandbox, "switches", page_usage_header=True)
        headers = get(sandbox, PAGE, page).headers
        assert json.loads(headers["x-page-usage"])["call_count"] == 62

    def test_a_batch_tells_the_usage_of_its_items(
        self, sandbox: Sandbox, user: str, page: str
    ) -> None:
        control(sandbox, "switches", app_usage_percent=10, page_usage_percent=20)
        items = [{"relative_url": "me"}, {"relative_url": f"{PAGE}?access_token={page}"}]
        form = {"batch": json.dumps(items), "access_token": user, "include_headers": "false"}
        headers = sandbox.client.post("/", data=form).headers
        assert json.loads(headers["x-app-usage"])["call_count"] == 10
        assert json.loads(headers[BUSINESS])[PAGE][0]["call_count"] == 20

    def test_an_apps_limit_refuses_and_refills(
        self, sandbox: Sandbox, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
        token = sandbox.log_in()
        control(sandbox, "switches", app_call_limit=4, limit_refill_seconds=3600)
        answers = [get(sandbox, "me", token) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [400]
        assert answers[-1].json()["error"]["code"] == 4
        usage = [json.loads(answer.headers["x-app-usage"])["call_count"] for answer in answers]
        assert usage == [25, 50, 75, 100, 100]
        # Two calls over the limit by now, the refused ones counted: two quarters of an hour.
        get(sandbox, "me", token)
        monkeypatch.setattr("time.time", lambda: 1_700_000_000.0 + 1800)
        assert get(sandbox, "me", token).status_code == 400
        monkeypatch.setattr("time.time", lambda: 1_700_000_000.0 + 1800 + 1800)
        assert get(sandbox, "me", token).status_code == 200

    def test_a_pages_limit_is_its_own_and_names_the_minutes(
        self, sandbox: Sandbox, user: str, page: str
    ) -> None:
        other = sandbox.page_token(user, OTHER_PAGE)
        control(sandbox, "switches", page_call_limit=1)
        assert get(sandbox, PAGE, page).status_code == 200
        refused = get(sandbox, PAGE, page)
        assert refused.json()["error"]["code"] == 80001
        (entry,) = json.loads(refused.headers[BUSINESS])[PAGE]
        assert (entry["call_count"], entry["estimated_time_to_regain_access"]) == (100, 60)
        assert get(sandbox, OTHER_PAGE, other).status_code == 200
        assert get(sandbox, "me", user).status_code == 200

    def test_each_item_of_a_batch_counts(self, sandbox: Sandbox, user: str) -> None:
        control(sandbox, "switches", app_call_limit=3)
        answers = batch(sandbox, user, ["me"] * 5)
        assert [answer["code"] for answer in answers] == [200, 200, 200, 400, 400]

    def test_nulls_come_as_often_as_switched(self, sandbox: Sandbox, user: str) -> None:
        control(sandbox, "switches", null_every=3)
        answers = batch(sandbox, user, ["me"] * 6)
        assert [answer is None for answer in answers] == [False, False, True] * 2
