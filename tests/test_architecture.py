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
    "unforeseen": "",
    "wording": "",
    "volatile": "",
    "field_list": "",
    "page": "field_list volatile",
    "version_document": "errors field_list page",
    "webhook": "errors page",
    "notice": "page",
    "signed_request": "errors",
    "webhook_fields": "field_list",
    "subscription_plan": "errors page",
    "settings.environment": "errors",
    "settings.facebook": ".environment errors field_list webhook_fields",
    "settings.store": ".environment",
    "settings.database": ".environment .facebook duration",
    "settings.env_file": "errors",
    "duration": "",
    "byte_size": "",
    "settings.limits": ".environment byte_size",
    "settings.listener": ".database .environment .facebook .limits .store",
    "exit_status": "errors",
    "checklist": "",
    "expiry": "",
    "graph.permissions": "",
    "login.dialog_answer": "errors",
    # contract
    "ports": "errors field_list page webhook",
    # the second half of the hallway
    "parallel": "",
    "hallway.store_check": "errors page ports version_document",
    "hallway.page_writer": ".store_check errors field_list page ports version_document",
    "drift": "page ports",
    "hallway.lease": "errors page ports",
    "hallway.refresh": ".lease .page_writer errors page parallel ports unforeseen",
    "verification.second_look": "drift page ports",
    "verification.repair": ".second_look drift errors hallway.lease hallway.refresh page parallel"
    " ports",
    "shutdown": "",
    "interpreter": "",
    "interruption": "",
    "periodic": "unforeseen",
    "hallway.worker": ".refresh errors page shutdown",
    "sync.in_hand": "",
    "sync.put_off_pages": "hallway.refresh page patience wording",
    "sync.difference": "field_list page ports",
    "sync.sync": ".difference .in_hand .put_off_pages errors field_list hallway.refresh page"
    " patience ports",
    # the outside world: one third-party library each
    "patience": "",
    "graph.pace": "",
    "graph.usage": "",
    "graph.budget": ".usage errors page",
    "graph.deadline": "",
    "graph.errors": ".usage errors",
    "graph.answer": ".errors .usage errors",
    "http_client": "errors settings.environment",
    "graph.http": ".answer .deadline .usage errors http_client",
    "graph.read": ".budget",
    "graph.call": ".answer .budget .errors .http .read .usage errors patience",
    "graph.page_fields": "errors field_list page",
    "graph.accounts": ".answer .budget .call .read errors page",
    "graph.pages": ".accounts .answer .budget .call .page_fields .read errors page",
    "graph.subscriptions": ".answer .budget .call .read errors page subscription_plan",
    "graph.oauth": ".answer .call .permissions .read errors page",
    "database.schema": "",
    "database.faults": "errors",
    "database.sqlite_file": "errors",
    "database.partial_indexes": "",
    "database.schema_setup": ".partial_indexes .schema errors",
    "database.mark_statements": "",
    "database.engine": ".faults .mark_statements .schema_setup .sqlite_file errors",
    "database.refused_fields": ".engine .schema",
    "database.rate_budget": ".engine .schema errors graph.budget graph.pace",
    "database.store_address": ".engine .marks .schema",
    "database.stored_versions": ".engine .schema page",
    "database.moving_pages": ".engine .marks .schema .store_address page",
    "database.believed_objects": ".engine .schema .stored_versions drift page ports",
    "store.move": ".keys database.store_address errors ports",
    "database.put_off": ".engine .inbox_rows .marks .schema page",
    "database.added_fields": ".engine .schema page",
    "database.handshakes": ".engine .schema webhook",
    "database.durability": ".engine .faults .schema errors",
    "database.size": ".engine .schema",
    "database.condition": ".engine .schema .sqlite_file",
    "database.inbox_clock": ".engine",
    "database.inbox_rows": "field_list page ports",
    "database.poll_statements": ".engine page",
    "database.marks": ".inbox_rows .mark_statements .schema page webhook",
    "database.field_lists": ".engine .inbox_rows .marks .schema field_list page",
    "database.recording": ".mark_statements .marks webhook",
    "database.joined_writes": ".engine errors",
    "database.claim_statements": ".field_lists .inbox_rows .schema .store_address errors page"
    " ports",
    "database.give_back_statement": ".schema ports",
    "database.inbox": ".claim_statements .engine .field_lists .give_back_statement .inbox_clock"
    " .inbox_rows .joined_writes .mark_statements .marks .parked .poll_statements .recording"
    " .schema .stored_versions errors field_list page ports webhook",
    "database.departures": ".engine .marks .schema graph.budget page signed_request",
    "database.forgetting": ".engine .marks .schema page",
    "database.delivery_state": ".schema",
    "database.delivery_log": ".delivery_state .engine .schema errors page webhook",
    "database.replay": ".engine .inbox .marks .schema page webhook",
    "database.retention": ".delivery_state .engine .marks .schema errors periodic",
    "database.last_sync": ".engine .schema .store_address",
    "database.missed_webhooks": ".engine .schema page",
    "database.sync_runs": ".engine .inbox_clock .schema errors periodic",
    "database.parked": ".engine .schema page",
    "database.token_key": "errors",
    "database.token_seal": "errors page",
    "database.unreadable_tokens": ".engine .schema .token_seal errors page",
    "database.lifetimes": ".engine .schema expiry",
    "database.vault": ".engine .lifetimes .poll_statements .schema .token_seal errors expiry page",
    "data_folder": "",
    "database.place": ".engine data_folder",
    "expiry_watch": "errors expiry periodic",
    "store.keys": "",
    "store.folder": "",
    "store.directory": ".folder .keys errors ports",
    "store.refusals": "errors",
    "store.s3_endpoint": "",
    "store.s3_client": ".s3_endpoint",
    "store.unanswered": "",
    "store.quick_put": ".s3_client .s3_endpoint .unanswered",
    "store.s3_wire": ".quick_put .s3_client .s3_endpoint .unanswered",
    "store.spaces": ".keys .refusals .s3_endpoint .s3_wire ports",
    "store.place": ".directory .s3_endpoint .spaces data_folder ports settings.store",
    # the reading side: the store alone, without database and Facebook
    "differences": "errors field_list page",
    "mirror": "differences errors page ports version_document",
    "mirror_place": "mirror settings.environment settings.facebook settings.store store.place",
    # commands with a body of their own
    "verification.verification": ".repair database.believed_objects drift hallway.refresh page"
    " ports",
    "login.loopback": ".dialog_answer errors settings.environment wording",
    "login.pasted_answer": ".dialog_answer errors",
    "login.discovery": "errors graph.accounts graph.oauth graph.permissions page wording",
    "login.login": ".discovery .loopback .pasted_answer database.vault errors graph.accounts"
    " graph.oauth graph.permissions page ports",
    "login.report": ".login checklist errors graph.permissions wording",
    "login.logout": "database.departures database.vault errors graph.oauth page",
    "callback_check": "http_client webhook",
    "subscribe.handshake_failure": "callback_check webhook",
    "subscribe.app_level": ".handshake_failure callback_check database.added_fields"
    " database.handshakes errors graph.subscriptions subscription_plan webhook wording",
    "subscribe.page_levels": "database.added_fields errors graph.subscriptions page"
    " subscription_plan webhook_fields wording",
    "subscribe.subscriber": ".app_level .page_levels database.added_fields database.engine"
    " database.handshakes errors graph.call graph.subscriptions page subscription_plan",
    "page_overview": "database.vault errors expiry graph.subscriptions page ports"
    " subscription_plan wording",
    "probe_cases": "webhook",
    "probe": "callback_check checklist probe_cases settings.environment webhook",
    "login.after_login": "checklist errors hallway.refresh page patience ports probe"
    " settings.facebook subscribe.subscriber subscription_plan sync.difference sync.sync wording",
    "listening.commit_queue": "errors webhook",
    "listening.commit_gate": "errors unforeseen",
    "doctor": "backlog byte_size database.condition database.durability database.engine"
    " database.inbox database.size database.store_address errors listening.back_pressure ports"
    " settings.environment settings.limits store.keys",
    "token_check": "database.engine database.token_seal database.unreadable_tokens doctor errors"
    " wording",
    "listening.commit_patience": ".commit_queue errors",
    "listening.group_commit": ".commit_gate .commit_patience .commit_queue database.durability"
    " errors ports webhook",
    "backlog": "database.size errors periodic ports",
    "listening.back_pressure": "backlog byte_size errors settings.limits",
    "standing": "backlog byte_size database.missed_webhooks database.parked database.put_off"
    " database.size expiry grouped_reasons listening.back_pressure ports settings.limits wording",
    "listening.signature_explainer": "webhook",
    "listening.request_body": "",
    "listening.application": ".request_body .signature_explainer errors notice settings.environment"
    " webhook",
    "listening.person_callbacks": ".application .group_commit .request_body database.departures"
    " errors notice signed_request wording",
    "logs.limit": "",
    "listening.connections": "notice",
    "listening.outlet": "",
    "listening.http_edge": ".connections .outlet .request_body",
    "listening.server_errors": "notice unforeseen",
    "subscribe.watch": "errors page_overview periodic wording",
    "operations.metrics": "backlog errors hallway.refresh notice settings.limits",
    "operations.address": "",
    "operations.readiness": "errors",
    "listening.handshake_log": "database.handshakes errors webhook",
    "listening.intake": ".application .group_commit .handshake_log database.handshakes notice"
    " webhook",
    "listener": "database.handshakes errors listening.application listening.connections"
    " listening.group_commit listening.http_edge listening.intake"
    " listening.server_errors login.loopback notice shutdown",
    "operations.server": ".readiness listener listening.connections notice shutdown",
    # edges
    "console": "checklist errors page standard_error",
    "standard_output": "errors",
    "standard_error": "standard_output",
    "grouped_reasons": "",
    "standing_report": "byte_size console database.missed_webhooks expiry standing wording",
    "delivery_body": "",
    "delivery_report": "console database.delivery_log database.replay delivery_body wording",
    "change_report": "field_list page wording",
    "history_report": "change_report console errors field_list page wording",
    "mirrored_pages": "console errors history_report mirror page parallel version_document",
    "difference_report": "change_report console differences history_report page",
    "sync.spool": "",
    "sync.missed_webhook": "hallway.refresh page webhook_fields",
    "document_report": "console",
    "outcome_report": "change_report hallway.refresh page wording",
    "progress_bar": "console standard_error",
    "verification.report": "console drift wording",
    "sync.report": ".difference .missed_webhook .spool change_report console errors grouped_reasons"
    " hallway.refresh outcome_report page verification.report wording",
    "sync.safety_net": "errors periodic",
    "store.watch": "errors periodic",
    "sync.dry_look": "errors hallway.refresh page ports",
    "sync.bring_over": "database.moving_pages drift errors hallway.refresh page parallel ports"
    " verification.repair wording",
    "sync.entry": ".bring_over database.moving_pages page ports store.move wiring wording",
    "sync.run": ".difference .dry_look .missed_webhook .sync database.put_off errors"
    " hallway.refresh page patience ports wiring",
    "logs.format": "",
    "logs.line": ".format change_report console errors hallway.refresh notice outcome_report",
    "logs.log": ".format .limit .line console errors hallway.refresh notice",
    "logs.library": ".log unforeseen",
    "logs.program": ".line console",
    "logs.command": ".format .library .log errors exit_status",
    "operations.observers": ".metrics errors hallway.refresh logs.log notice page",
    "operations.start": ".address .metrics .readiness .server errors hallway.worker listener"
    " logs.log shutdown",
    "subscribe.report": ".subscriber checklist console errors subscription_plan wording",
    "forget_report": "console database.forgetting wording",
    "page_report": "console grouped_reasons page_overview subscription_plan wording",
    "login.browser": "console",
    "parameters": "duration logs.format operations.address page settings.env_file webhook_fields",
    "page_reads": "database.vault errors graph.pages hallway.refresh page ports",
    "page_lists": "database.departures database.vault errors graph.pages page wording",
    # From settings to parts: all of the outside world.
    "wiring": "database.departures database.durability database.engine database.inbox"
    " database.last_sync database.missed_webhooks database.place database.rate_budget"
    " database.refused_fields database.store_address database.sync_runs database.token_key"
    " database.vault errors expiry_watch graph.call graph.pace graph.page_fields graph.pages"
    " hallway.refresh page_lists page_reads patience ports settings.database settings.facebook"
    " store.move",
    # What runs beside a server, or alone: made of working parts.
    "companions": "backlog database.delivery_log database.retention database.size errors"
    " graph.pace graph.subscriptions hallway.refresh hallway.worker logs.command logs.format"
    " logs.line logs.log operations.observers page_overview patience ports settings.database"
    " settings.facebook shutdown store.watch subscribe.watch sync.entry sync.run sync.safety_net"
    " wiring",
    "receiver": "companions errors hallway.refresh listening.application listening.back_pressure"
    " listening.group_commit listening.person_callbacks logs.log notice ports settings.limits"
    " settings.listener shutdown wiring",
    # What another program mounts: no command, and no signal of ours.
    "mounted_parts": "companions database.handshakes errors listening.intake logs.log logs.program"
    " receiver settings.listener shutdown store.place unforeseen",
    "access_log": "",
    "mounted": "access_log listening.request_body mounted_parts settings.env_file"
    " settings.environment settings.listener",
    "demo_sandbox": "errors",
    # The edges of the edges. A command may know everything below it, but no other command.
    "commands": "*",
    "demo": "*",
    "command_group": "commands",
    "cli": "command_group console errors exit_status parameters standard_error standard_output",
    "__init__": "mirror mirror_place mounted settings.env_file",
    "__main__": "cli interpreter",
}
NOT_FOR_THE_EDGES = {
    "commands": {"commands", "command_group", "cli", "__main__"},
    "demo": {"commands", "command_group", "cli"},
}

# Longer than the budget, each with its reason.
LONG_FILES = {
    "demo.py": "one story, scene by scene",
    "ports.py": "both contracts with their values, mostly docstrings",
}
LONG_FUNCTIONS = {
    ("wiring.py", "open_access"): "a line for each part",
    ("commands/login.py", "login"): "options and settings of the longest command, no logic",
    (
        "commands/listen.py",
        "listen",
    ): "settings and wiring of the longest process, no logic",
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
    # The settings of Facebook and of the store are tested together, in test_settings.
    without = {"__init__", "__main__", "exit_status", "facebook", "format", "notice", "ports"}
    without |= {"claim_statements", "give_back_statement", "mark_statements", "poll_statements"}
    without |= {"partial_indexes", "s3_client", "s3_endpoint", "schema", "store"}
    names = (path.stem, name_of(path).replace(".", "_"))
    assert path.stem in without or any((ROOT / f"tests/test_{n}.py").exists() for n in names)


def test_the_readme_names_every_command_and_it_or_a_page_of_docs_every_option() -> None:
    readme = (ROOT / "README.md").read_text()
    told = readme + "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
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
                assert not option.startswith("--") or option == "--help" or option in told, option


def test_the_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    source = "".join(path.read_text() for path in MODULES)
    names = set(re.findall(r"\b(?:FACEBOOK|SPACES|FBSYNC)_[A-Z_]+[A-Z]\b", source))
    assert len(names) > 15
    assert [name for name in sorted(names) if f"`{name}`" not in readme] == []


def test_the_changelog_begins_with_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (\S+)", changelog, re.MULTILINE)
    assert heads[heads[0] == "Unreleased"] == fbsync.__version__


def test_every_direct_dependency_has_its_line_of_reasons() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    decisions = (ROOT / "docs/decisions.md").read_text()
    dependencies = re.findall(r'^    "([a-z0-9-]+)', project.partition("[tool.")[0], re.MULTILINE)
    assert "boto3" in dependencies
    assert [name for name in dependencies if f"`{name}`" not in decisions] == []
