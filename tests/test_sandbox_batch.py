"""Items of a batch that use what others answered (Meta, "Batch requests")."""

import json
from typing import Any

import pytest

from tests.servers import Sandbox

PAGE, OTHER_PAGE, THIRD_PAGE = "200000000000001", "200000000000002", "200000000000003"


def send(sandbox: Sandbox, *items: dict[str, Any], **form: str) -> list[Any]:
    data = {"batch": json.dumps(items), "access_token": sandbox.log_in()} | form
    answer = sandbox.client.post("/v26.0/", data=data)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()
    return found


def listing(**more: Any) -> dict[str, Any]:
    return {"method": "GET", "name": "list", "relative_url": "me/accounts?limit=2"} | more


def error(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(item["body"])["error"]
    return found


class TestDependencies:
    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("{result=list:$.data[1].id}?fields=name", "Bäckerei Süßmann"),
            ("{result=list:$.data[0].id}/?fields=name", "Café Zeitgeist"),
            ("v26.0/{result=list:$.data.[0].id}?fields=name", "Café Zeitgeist"),
        ],
    )
    def test_a_later_item_uses_a_value(self, sandbox: Sandbox, path: str, name: str) -> None:
        first, second = send(sandbox, listing(), {"method": "GET", "relative_url": path})
        assert (first["code"], first["body"]) == (200, None)
        assert json.loads(second["body"])["name"] == name

    def test_many_values_are_joined_by_commas(self, sandbox: Sandbox) -> None:
        """The classic use, `ids=`, is retired; the values arrive all the same."""
        probe = {"method": "GET", "relative_url": "me?fields=x{result=list:$.data[*].id}"}
        _, answer = send(sandbox, listing(), probe)
        assert f"(x{PAGE}) on node type (User)" in error(answer)["message"]
        ids = {"method": "GET", "relative_url": "?ids={result=list:$.data[*].id}"}
        _, retired = send(sandbox, listing(), ids)
        assert (retired["code"], error(retired)["code"]) == (500, 100)

    def test_values_stand_in_a_body_too(self, sandbox: Sandbox) -> None:
        edit = {
            "method": "POST",
            "relative_url": PAGE,
            "body": "about={result=list:$.data[1].name}&access_token="
            + sandbox.page_token(sandbox.log_in(), PAGE),
        }
        send(sandbox, listing(), edit)
        facts = sandbox.world.page(PAGE)
        assert facts is not None
        assert facts["about"] == "Bäckerei Süßmann"

    def test_the_named_items_body_is_kept_on_demand_and_where_nobody_uses_it(
        self, sandbox: Sandbox
    ) -> None:
        user = {"method": "GET", "relative_url": "{result=list:$.data[0].id}"}
        kept, _ = send(sandbox, listing(omit_response_on_success=False), user)
        assert len(json.loads(kept["body"])["data"]) == 2
        (alone,) = send(sandbox, listing())
        assert len(json.loads(alone["body"])["data"]) == 2

    def test_depends_on_waits_without_a_value(self, sandbox: Sandbox) -> None:
        me = {"method": "GET", "relative_url": "me", "depends_on": "list"}
        first, second = send(sandbox, listing(), me)
        assert (first["body"], second["code"]) == (None, 200)

    @pytest.mark.parametrize(
        "items",
        [
            [{"relative_url": "me", "depends_on": "nobody"}],
            [{"relative_url": "{result=later:$.id}"}, {"relative_url": "me", "name": "later"}],
            [
                {"relative_url": "me/colours", "name": "a"},
                {"relative_url": "me", "depends_on": "a"},
            ],
        ],
    )
    def test_what_did_not_succeed_before_fails_the_item_alone(
        self, sandbox: Sandbox, items: list[dict[str, Any]]
    ) -> None:
        answers = send(sandbox, *items, {"relative_url": "me"})
        failed = [answer for answer in answers if answer["code"] == 400]
        assert any("depends on" in error(answer)["message"] for answer in failed)
        assert answers[-1]["code"] == 200

    def test_a_path_that_leads_nowhere_is_empty(self, sandbox: Sandbox) -> None:
        nowhere = {"relative_url": "me?fields=id{result=list:$.data.nobody[3]}"}
        _, answer = send(sandbox, listing(), nowhere)
        assert answer["code"] == 200


class TestItems:
    def test_a_body_may_be_an_object(self, sandbox: Sandbox) -> None:
        token = sandbox.page_token(sandbox.log_in(), PAGE)
        body = {"hours": {"mon_1_open": "07:00"}, "access_token": token}
        (answer,) = send(sandbox, {"method": "POST", "relative_url": PAGE, "body": body})
        assert json.loads(answer["body"]) == {"success": True}

    def test_fifty_are_taken(self, sandbox: Sandbox) -> None:
        assert len(send(sandbox, *[{"relative_url": "me"}] * 50)) == 50

    def test_each_item_may_have_its_own_version(self, sandbox: Sandbox) -> None:
        (old,) = send(sandbox, {"relative_url": "v15.0/me"}, include_headers="true")
        assert {"name": "facebook-api-version", "value": "v21.0"} in old["headers"]
