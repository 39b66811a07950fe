"""What holds the house together: the import map, the budgets, and that nothing is undocumented."""

import ast
import inspect
import re
from pathlib import Path

import pytest
import typer.main

import fbsync
from fbsync import settings
from fbsync.cli import app

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fbsync"

MAX_LINES = 250
MAX_FUNCTION_LINES = 40

# Module: what it may import of fbsync. Change the map in one reviewed line, with its reason.
IMPORTS = {
    # values: no I/O
    "errors": "",
    "page": "errors",
    "webhook": "page errors",
    "signed_request": "errors",
    "webhook_fields": "page",
    "subscription_plan": "page errors",
    "environment": "errors",
    "settings": "environment webhook_fields page errors",
    "env_file": "errors",
    "duration": "",
    "exit_status": "",
    "checklist": "",
    # contract
    "ports": "page webhook errors",
    # the second half of the hallway
    "refresh": "ports page errors",
    "worker": "refresh errors",
    "sync": "refresh ports patience page errors",
    # the outside world: one third-party library each
    "patience": "",
    "pace": "",
    "graph_usage": "page errors",
    "graph_errors": "graph_usage errors",
    "graph_answer": "graph_errors graph_usage errors",
    "graph_http": "graph_answer graph_usage environment errors",
    "graph_call": "graph_http graph_answer graph_errors graph_usage patience errors",
    "page_fields": "page errors",
    "graph": "graph_call graph_answer graph_usage page_fields page errors",
    "graph_subscriptions": "graph_call graph_answer graph_usage subscription_plan page errors",
    "schema": "",
    "database": "schema errors",
    "refused_fields": "database schema",
    "rate_budget": "database schema graph_usage pace errors",
    "store_address": "database schema",
    "added_fields": "database schema page",
    "handshakes": "database schema webhook",
    "inbox_rows": "ports page webhook",
    "inbox": "inbox_rows database schema ports page webhook errors",
    "departures": "database schema page signed_request",
    "vault": "database schema page errors",
    "object_store": "errors",
    # commands with a body of their own
    "loopback": "environment errors",
    "login": "loopback graph vault ports page errors",
    "logout": "departures graph vault page errors",
    "callback_check": "environment webhook",
    "handshake_failure": "callback_check webhook",
    "app_level": "added_fields callback_check graph_subscriptions handshake_failure handshakes"
    " subscription_plan webhook errors",
    "page_levels": "added_fields graph_subscriptions subscription_plan webhook_fields page errors",
    "subscribe": "app_level page_levels added_fields graph_subscriptions handshakes"
    " subscription_plan page",
    "page_overview": "graph_subscriptions subscription_plan vault ports page errors",
    "probe_cases": "webhook",
    "probe": "probe_cases callback_check checklist environment webhook",
    "after_login": "subscribe subscription_plan probe sync refresh settings ports page patience"
    " checklist errors",
    "group_commit": "ports webhook errors",
    "signature_explainer": "webhook",
    "request_body": "",
    "listener": "webhook request_body signature_explainer page environment errors",
    "person_callbacks": "departures listener request_body signed_request errors",
    "handshake_log": "handshakes webhook errors",
    "listener_process": "listener group_commit handshake_log handshakes loopback worker refresh"
    " ports webhook errors",
    # edges
    "console": "checklist page errors",
    "report": "console listener refresh sync page errors",
    "subscription_report": "console checklist subscribe subscription_plan errors",
    "page_report": "console page_overview subscription_plan",
    "browser": "console",
    "parameters": "duration env_file page webhook_fields",
    # The only place that picks implementations: all of the outside world.
    "wiring": "added_fields database departures errors graph graph_call graph_subscriptions"
    " handshakes inbox object_store pace page page_fields patience ports rate_budget refresh"
    " refused_fields settings store_address vault",
    "demo_sandbox": "errors",
    # The edges of the edges. A command may know everything below it, but no other command.
    "commands": "*",
    "demo": "*",
    "cli": "commands console errors exit_status parameters",
    "__init__": "",
    "__main__": "cli",
}
NOT_FOR_THE_EDGES = {"commands": {"commands", "cli", "__main__"}, "demo": {"commands", "cli"}}

# Longer than the budget, each with its reason.
LONG_FILES = {
    "demo": "one story, scene by scene",
}
LONG_FUNCTIONS = {
    ("login", "login"): "options and settings of the longest command, no logic",
}

SANDBOX = PACKAGE / "sandbox"
MODULES = sorted(PACKAGE.glob("*.py"))
COMMANDS = sorted((PACKAGE / "commands").glob("*.py"))


def imported(path: Path) -> set[str]:
    """The modules of fbsync that a file imports, as "page" or "sandbox"."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "fbsync":
            names = {alias.name for alias in node.names if (PACKAGE / f"{alias.name}.py").exists()}
            found |= names
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fbsync."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("fbsync.")}
    return found


def test_every_module_is_on_the_map() -> None:
    assert {path.stem for path in MODULES} | {"commands"} == set(IMPORTS)


@pytest.mark.parametrize("path", [*MODULES, *COMMANDS], ids=lambda path: path.stem)
def test_a_module_imports_only_what_the_map_allows(path: Path) -> None:
    name = "commands" if path in COMMANDS else path.stem
    allowed = IMPORTS[name]
    if allowed == "*":
        assert not imported(path) & NOT_FOR_THE_EDGES[name]
    else:
        assert imported(path) <= set(allowed.split())


def test_the_map_has_no_cycle() -> None:
    graph = {name: set(allowed.split()) for name, allowed in IMPORTS.items() if allowed != "*"}
    while graph:
        free = {name for name, needs in graph.items() if not needs & set(graph)}
        assert free, f"a cycle among {sorted(graph)}"
        for name in free:
            del graph[name]


@pytest.mark.parametrize("path", sorted(SANDBOX.glob("*.py")), ids=lambda path: path.stem)
def test_the_sandbox_is_an_outsider(path: Path) -> None:
    assert imported(path) <= {"sandbox"}


def test_only_its_command_knows_the_sandbox() -> None:
    knowing = [path for path in [*MODULES, *COMMANDS] if "sandbox" in imported(path)]
    assert knowing == [PACKAGE / "commands" / "sandbox.py"]


@pytest.mark.parametrize(
    "path", [*MODULES, *COMMANDS, *sorted(SANDBOX.glob("*.py"))], ids=lambda path: path.stem
)
def test_files_and_functions_keep_their_budgets(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES or path.stem in LONG_FILES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            named = (path.stem, node.name) in LONG_FUNCTIONS
            assert length <= MAX_FUNCTION_LINES or named, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_has_a_test_file(path: Path) -> None:
    # __init__ holds the version alone; the others are exercised by every other test.
    without = {"__init__", "__main__", "exit_status", "ports", "schema"}
    assert path.stem in without or (ROOT / f"tests/test_{path.stem}.py").exists()


def test_the_readme_names_every_command_and_option() -> None:
    readme = (ROOT / "README.md").read_text()
    group = typer.main.get_group(app)
    for name, command in group.commands.items():
        assert f"fbsync {name}" in readme
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or option == "--help" or option in readme, option


def test_the_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    names = set(re.findall(r"\b(?:FACEBOOK|SPACES|FBSYNC)_[A-Z_]+\b", inspect.getsource(settings)))
    assert len(names) > 15
    assert [name for name in sorted(names) if f"`{name}`" not in readme] == []


def test_the_changelog_begins_with_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] == fbsync.__version__


def test_every_direct_dependency_has_its_line_of_reasons() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    decisions = (ROOT / "docs/decisions.md").read_text()
    dependencies = re.findall(r'^    "([a-z0-9-]+)', project.partition("[tool.")[0], re.MULTILINE)
    assert "boto3" in dependencies
    assert [name for name in dependencies if f"`{name}`" not in decisions] == []
