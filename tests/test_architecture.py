"""What holds the house together: the import map, the budgets, and that nothing is undocumented."""

import ast
import re
from pathlib import Path

import pytest
import typer.main

import fbsync
from fbsync.cli import app

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fbsync"

MAX_LINES = 250
MAX_FUNCTION_LINES = 40

# Module: what it may import of fbsync; ".name" is a neighbour in the same folder. Change the map in
# one reviewed line, with its reason.
IMPORTS = {
    # values: no I/O
    "errors": "",
    "page": "errors",
    "webhook": "errors page",
    "signed_request": "errors",
    "webhook_fields": "page",
    "subscription_plan": "errors page",
    "environment": "errors",
    "settings": "environment errors page webhook_fields",
    "inbox_settings": "duration environment settings",
    "env_file": "errors",
    "duration": "",
    "byte_size": "",
    "limits": "byte_size environment",
    "exit_status": "errors",
    "checklist": "",
    "expiry": "",
    "graph.permissions": "",
    "login.dialog_answer": "errors",
    # contract
    "ports": "errors page webhook",
    # the second half of the hallway
    "parallel": "",
    "store_check": "page ports",
    "lease": "errors page ports",
    "refresh": "errors lease page parallel ports store_check",
    "shutdown": "",
    "worker": "errors page refresh shutdown",
    "sync": "errors page patience ports refresh",
    # the outside world: one third-party library each
    "patience": "",
    "graph.pace": "",
    "graph.usage": "",
    "graph.budget": ".usage errors page",
    "graph.deadline": "",
    "graph.errors": ".usage errors",
    "graph.answer": ".errors .usage errors",
    "graph.http": ".answer .deadline .usage environment errors",
    "graph.read": ".budget",
    "graph.call": ".answer .budget .errors .http .read .usage errors patience",
    "graph.page_fields": "errors page",
    "graph.accounts": ".answer .budget .call .read errors page",
    "graph.pages": ".accounts .answer .budget .call .read .page_fields errors page",
    "graph.subscriptions": ".answer .budget .call .read errors page subscription_plan",
    "graph.oauth": ".answer .call .read .permissions errors page",
    "database.schema": "",
    "database.faults": "errors",
    "database.sqlite_file": "errors",
    "database.schema_setup": ".schema errors",
    "database.engine": ".faults .schema_setup .sqlite_file errors",
    "database.refused_fields": ".engine .schema",
    "database.rate_budget": ".engine .schema errors graph.budget graph.pace",
    "database.store_address": ".engine .schema",
    "database.added_fields": ".engine .schema page",
    "database.handshakes": ".engine .schema webhook",
    "database.durability": ".engine .faults .schema errors",
    "database.size": ".engine .schema",
    "database.condition": ".engine .schema .sqlite_file",
    "database.inbox_rows": "page ports webhook",
    "database.mark_statements": ".schema",
    "database.marks": ".engine .inbox_rows .mark_statements .schema page webhook",
    "database.joined_writes": ".engine errors",
    "database.inbox": ".engine .inbox_rows .joined_writes .marks .schema errors page ports webhook",
    "database.departures": ".engine .marks .schema graph.budget page signed_request",
    "database.delivery_state": ".schema",
    "database.delivery_log": ".delivery_state .engine .schema errors page webhook",
    "database.replay": ".engine .inbox .marks .schema page webhook",
    "database.retention": ".delivery_state .engine .marks .schema errors",
    "database.last_sync": ".engine .schema",
    "database.parked": ".engine .schema page",
    "database.token_key": "errors",
    "database.vault": ".engine .schema errors expiry page",
    "database_place": "database.engine",
    "expiry_watch": "errors expiry",
    "object_store": "errors",
    # commands with a body of their own
    "login.loopback": ".dialog_answer environment errors",
    "login.pasted_answer": ".dialog_answer errors",
    "login.discovery": "errors graph.accounts graph.oauth graph.permissions page",
    "login.login": ".discovery .loopback .pasted_answer database.vault errors graph.accounts"
    " graph.oauth graph.permissions page ports",
    "login.report": ".login checklist errors graph.permissions",
    "login.logout": "database.departures database.vault errors graph.oauth page",
    "callback_check": "environment webhook",
    "subscribe.handshake_failure": "callback_check webhook",
    "subscribe.app_level": ".handshake_failure callback_check database.added_fields"
    " database.handshakes errors graph.subscriptions subscription_plan webhook",
    "subscribe.page_levels": "database.added_fields errors graph.subscriptions page"
    " subscription_plan webhook_fields",
    "subscribe.subscriber": ".app_level .page_levels database.added_fields"
    " database.handshakes graph.subscriptions page subscription_plan",
    "page_overview": "database.vault errors expiry graph.subscriptions page ports"
    " subscription_plan",
    "probe_cases": "webhook",
    "probe": "callback_check checklist environment probe_cases webhook",
    "login.after_login": "checklist errors page patience ports probe refresh settings"
    " subscribe.subscriber subscription_plan sync",
    "commit_queue": "errors webhook",
    "commit_gate": "errors",
    "doctor": "back_pressure backlog byte_size database.condition database.durability"
    " database.engine database.inbox database.size environment errors limits ports",
    "group_commit": "commit_gate commit_queue database.durability errors ports webhook",
    "backlog": "database.size errors ports",
    "back_pressure": "backlog byte_size errors limits",
    "standing": "byte_size database.parked database.size expiry grouped_reasons limits ports",
    "signature_explainer": "webhook",
    "request_body": "",
    "listener": "environment errors page request_body signature_explainer webhook",
    "person_callbacks": "database.departures errors listener request_body signed_request",
    "notice_limit": "",
    "connections": "listener",
    "outlet": "",
    "http_edge": "connections outlet request_body",
    "server_errors": "listener unforeseen",
    "subscription_watch": "errors page_overview",
    "unforeseen": "",
    "metrics": "backlog errors limits listener refresh",
    "operations_address": "",
    "readiness": "errors",
    "handshake_log": "database.handshakes errors webhook",
    "listener_process": "connections database.handshakes errors group_commit handshake_log"
    " http_edge listener login.loopback server_errors shutdown webhook",
    "operations": "connections listener listener_process readiness shutdown",
    # edges
    "console": "checklist errors page",
    "grouped_reasons": "",
    "standing_report": "byte_size console expiry standing",
    "delivery_body": "",
    "delivery_report": "console database.delivery_log database.replay delivery_body",
    "report": "console errors grouped_reasons page refresh sync",
    "log_format": "",
    "log_line": "console errors listener log_format refresh report",
    "log": "console errors listener log_format log_line notice_limit refresh",
    "library_log": "log unforeseen",
    "command_log": "errors exit_status library_log log log_format",
    "telling": "errors listener log metrics refresh",
    "operations_start": "errors listener_process log metrics operations operations_address"
    " readiness shutdown worker",
    "subscribe.report": ".subscriber checklist console errors subscription_plan",
    "page_report": "console grouped_reasons page_overview subscription_plan",
    "login.browser": "console",
    "parameters": "duration env_file log_format operations_address page webhook_fields",
    # The only place that picks implementations: all of the outside world.
    "wiring": "backlog database.added_fields database.delivery_log database.departures"
    " database.durability database.engine"
    " database.handshakes database.inbox database.last_sync database.rate_budget"
    " database.refused_fields database.retention database.size database.store_address"
    " database.token_key database.vault database_place errors expiry_watch graph.accounts"
    " graph.call graph.oauth graph.pace graph.page_fields graph.pages graph.subscriptions"
    " object_store page patience ports refresh settings",
    # What runs beside a server, or alone: made of working parts.
    "companions": "errors page_overview ports refresh shutdown subscription_watch wiring worker",
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
    "demo.py": "one story, scene by scene",
}
LONG_FUNCTIONS = {
    ("commands/login.py", "login"): "options and settings of the longest command, no logic",
    (
        "commands/listen.py",
        "listen",
    ): "settings and wiring of the longest process, no logic",
    ("commands/worker.py", "worker"): "the same of the other one",
}

SANDBOX = PACKAGE / "sandbox"
COMMANDS = sorted((PACKAGE / "commands").glob("*.py"))
MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path.parent.name not in ("commands", "sandbox")
    and (path.parent == PACKAGE or path.stem != "__init__")
)


def name_of(path: Path) -> str:
    """A module as the map has it, such as "page" or "graph.pages"."""
    if path in COMMANDS:
        return "commands"
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imported(path: Path) -> set[str]:
    """The modules of fbsync that a file imports, as `name_of` gives them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            found.add("a relative import, which this map does not read")
        elif isinstance(node, ast.ImportFrom) and node.module == "fbsync":
            found |= {a.name for a in node.names if a.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fbsync."):
            found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("fbsync.")}
    names = {name.removeprefix("fbsync.") for name in found}
    folders = ("commands", "sandbox")
    return {name.split(".")[0] if name.startswith(folders) else name for name in names}


def allowed(name: str) -> set[str]:
    """What the map lets a module import."""
    folder = name.rpartition(".")[0]
    return {f"{folder}{word}" if word[0] == "." else word for word in IMPORTS[name].split()}


def test_every_module_is_on_the_map() -> None:
    assert {name_of(path) for path in MODULES} | {"commands"} == set(IMPORTS)


@pytest.mark.parametrize("path", [*MODULES, *COMMANDS], ids=name_of)
def test_a_module_imports_only_what_the_map_allows(path: Path) -> None:
    name = name_of(path)
    if IMPORTS[name] == "*":
        assert not imported(path) & NOT_FOR_THE_EDGES[name]
    else:
        assert imported(path) <= allowed(name)


def without_edges() -> dict[str, set[str]]:
    return {name: allowed(name) for name in IMPORTS if IMPORTS[name] != "*"}


def folder_of(name: str) -> str:
    return name.split(".")[0]


def by_folder() -> dict[str, set[str]]:
    """The same map with a folder as one thing."""
    found: dict[str, set[str]] = {}
    for name, needs in without_edges().items():
        folder = folder_of(name)
        found.setdefault(folder, set()).update(map(folder_of, needs))
        found[folder].discard(folder)
    return found


@pytest.mark.parametrize("graph", [without_edges(), by_folder()], ids=["modules", "folders"])
def test_the_map_has_no_cycle(graph: dict[str, set[str]]) -> None:
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
    text, place = path.read_text(), path.relative_to(PACKAGE).as_posix()
    assert len(text.splitlines()) <= MAX_LINES or place in LONG_FILES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            named = (place, node.name) in LONG_FUNCTIONS
            assert length <= MAX_FUNCTION_LINES or named, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_has_a_test_file(path: Path) -> None:
    # __init__ holds the version alone; the others are exercised by every other test.
    without = {"__init__", "__main__", "exit_status", "log_format", "mark_statements"}
    without |= {"ports", "schema"}
    names = (path.stem, name_of(path).replace(".", "_"))
    assert path.stem in without or any((ROOT / f"tests/test_{n}.py").exists() for n in names)


def test_the_readme_names_every_command_and_option() -> None:
    readme = (ROOT / "README.md").read_text()
    group = typer.main.get_group(app)
    commands = [(f"fbsync {name}", command) for name, command in group.commands.items()]
    while commands:
        name, command = commands.pop()
        assert name in readme
        commands += [
            (f"{name} {below}", one) for below, one in vars(command).get("commands", {}).items()
        ]
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or option == "--help" or option in readme, option


def test_the_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    source = "".join(path.read_text() for path in MODULES)
    names = set(re.findall(r"\b(?:FACEBOOK|SPACES|FBSYNC)_[A-Z_]+[A-Z]\b", source))
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
