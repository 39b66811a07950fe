"""Commands that are loaded when they are asked for."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from fbsync.cli import app
from fbsync.command_group import PLACES, LoadedWhenAsked

FILES = Path(__file__).parent.parent / "fbsync" / "commands"


def test_every_command_has_its_place_and_is_loaded_from_there() -> None:
    files = {path.stem for path in FILES.glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in PLACES} == files
    commands = LoadedWhenAsked()
    assert [command.name for command in commands.values()] == list(PLACES) == list(commands)
    assert len(commands) == len(PLACES)


def test_a_command_is_loaded_once() -> None:
    commands = LoadedWhenAsked()
    assert commands["sync"] is commands["sync"]


def test_there_is_no_other() -> None:
    assert "snyc" not in LoadedWhenAsked()
    assert LoadedWhenAsked().get("snyc") is None


def test_a_command_with_commands_has_them_and_one_alone_has_none() -> None:
    group = typer.main.get_group(app)
    assert sorted(vars(group.commands["events"])["commands"]) == [
        "export",
        "list",
        "replay",
        "show",
    ]
    assert [name for name, command in group.commands.items() if "commands" in vars(command)] == [
        "events"
    ]


@pytest.mark.parametrize("name", ["sync", "status"])
def test_the_start_of_one_loads_no_other(name: str) -> None:
    script = (
        "import sys\nfrom fbsync.cli import main\n"
        f"sys.argv = ['fbsync', '{name}', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('fbsync.commands.')])"
    )
    ran = subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == f"['fbsync.commands.{name}']"
