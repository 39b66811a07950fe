"""The pages of documentation name only what there is: commands, options, each other."""

import re
from pathlib import Path

import pytest
import typer.main

from fbsync.cli import app
from fbsync.exit_status import WRONG_USAGE
from fbsync.shutdown import LAST_SECONDS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
OPERATIONS = (ROOT / "docs/operations.md").read_text()
GROUP = typer.main.get_group(app)


def shown_commands() -> list[str]:
    """What stands in code blocks, after the program's name; comments cut off."""
    pattern = r"^    (?:\S.*bin/)?fbsync (?:--env-file \S+ )?([a-z][a-z-]*(?: .*)?)$"
    lines = [line for page in PAGES for line in re.findall(pattern, page.read_text(), re.MULTILINE)]
    return [re.split(r"\s#|…", line)[0].strip() for line in lines]


@pytest.mark.parametrize("line", sorted(set(shown_commands())))
def test_each_shown_command_and_option_exists(line: str) -> None:
    name, *words = line.split()
    command = GROUP.commands[name]
    if words and words[0] in vars(command).get("commands", {}):
        command = vars(command)["commands"][words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_unit_gives_the_time_to_end_and_does_not_repeat_what_is_set_wrongly() -> None:
    unit = dict(re.findall(r"^    ([A-Za-z]+)=(.+)$", OPERATIONS, re.MULTILINE))
    assert int(unit["TimeoutStopSec"]) > LAST_SECONDS
    assert int(unit["RestartPreventExitStatus"]) == WRONG_USAGE
    # Every command must find the same data, so nothing of it is the unit's alone.
    assert "Environment" not in unit
    program, *_, settings = unit["ExecStart"].split()
    assert f"{program} --env-file {settings} " in OPERATIONS


def heading_anchors(page: Path) -> set[str]:
    """As GitHub makes them: small letters, no punctuation, hyphens for blanks."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in heading_anchors(target), link
