"""The sandbox's manual: made from the code, the same for people and for programs."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from fbsync.sandbox import manual
from fbsync.sandbox.faults import NAMED
from fbsync.sandbox.seeded import MEANINGS, RATES
from fbsync.sandbox.switches import Switches
from tests.servers import Sandbox

PAGE = Path(__file__).parent.parent / "docs/sandbox.md"


def test_the_help_names_every_switch_fault_rate_and_endpoint(sandbox: Sandbox) -> None:
    text = manual.text()
    described = sandbox.client.get("/_sandbox").json()
    assert {item["name"] for item in described["switches"]} == {f.name for f in fields(Switches)}
    assert {item["name"] for item in described["faults"]} == set(NAMED)
    assert {item["name"] for item in described["rates"]} == set(RATES) == set(MEANINGS)
    for kind in ("switches", "faults", "rates"):
        for item in described[kind]:
            assert f"\n  {item['name']} (" in text
            assert item["meaning"]
    assert len(described["endpoints"]) > 15
    for item in described["endpoints"]:
        assert f"\n  {item['method']} {item['path']}\n" in text
        assert item["meaning"]


def test_every_endpoint_that_is_named_answers(sandbox: Sandbox) -> None:
    for item in sandbox.client.get("/_sandbox").json()["endpoints"]:
        path = item["path"].replace("{page}", "1")
        answer = sandbox.client.request(item["method"], path, content="{}")
        assert answer.status_code in (200, 400, 404)
        assert isinstance(answer.json(), dict)


@pytest.mark.parametrize("program", [["-m", "fbsync.sandbox"], ["-m", "fbsync", "sandbox"]])
def test_both_programs_print_it_and_have_the_same_options(program: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, *program, "--help"], capture_output=True, text=True, check=True
    )
    assert manual.text().strip() in ended.stdout
    options = set(re.findall(r"--[a-z][a-z-]+", ended.stdout.partition("The sandbox serves")[0]))
    expected = {"--host", "--port", "--pages", "--auto-consent", "--state", "--faults", "--switch"}
    assert expected <= options <= expected | {"--help", "--env-file"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"nonsense": True}, "no switch 'nonsense'"),
        ({"require_proof": 1}, "true or false"),
        ({"null_every": -1}, "between"),
        ({"null_every": 1.5}, "null_every is a whole number, such as 0"),
        ({"delivery_delay_seconds": 10**400}, "between"),
        ({"switch_off": "sometimes"}, "never"),
        ({"default_version": "v99.0"}, "v26.0"),
        ({"require_proof": True, "null_every": "x"}, "a whole number"),
        ({"require_proof": 1}, "require_proof is true or false, such as false"),
    ],
)
def test_a_wrong_switch_is_explained_and_sets_nothing(
    sandbox: Sandbox, asked: dict[str, object], told: str
) -> None:
    answer = sandbox.client.post("/_sandbox/switches", json=asked)
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    before = vars(Switches(retry_first_seconds=0.02))
    assert sandbox.client.get("/_sandbox/switches").json() == before


def test_its_page_uses_only_endpoints_that_there_are(sandbox: Sandbox) -> None:
    used = {p.strip("/").split("/")[0] for p in re.findall(r"\$S(/[a-z/]+)", PAGE.read_text())}
    known = {item["path"] for item in sandbox.client.get("/_sandbox").json()["endpoints"]}
    assert used
    assert used <= {path.split("/")[2] for path in known}
