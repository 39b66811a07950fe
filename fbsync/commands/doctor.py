"""The command `fbsync doctor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import typer

from fbsync.checklist import State, Step
from fbsync.console import Console
from fbsync.exit_status import FAILED, WRONG_USAGE
from fbsync.parameters import EnvFile, JsonFlag
from fbsync.settings.database import read_database, read_inbox, read_keep_deliveries
from fbsync.settings.env_file import load_with_sources
from fbsync.settings.environment import Environment
from fbsync.settings.facebook import read_app, read_callback, read_graph, read_login
from fbsync.settings.limits import read_limits
from fbsync.settings.store import DirectorySettings, SpacesSettings, read_store

if TYPE_CHECKING:
    from fbsync.doctor import Finding

_GROUPS: dict[str, Callable[[Environment], object]] = {
    "app": read_app,
    "graph": read_graph,
    "login": partial(read_login, anywhere=True),
    "webhooks": read_callback,
    "store": read_store,
    "database": read_database,
    "limits": read_limits,
    "retention": read_keep_deliveries,
}
_SHOWN: dict[str, State] = {
    "ok": "done",
    "fault": "failed",
    "skipped": "skipped",
    "warning": "warning",
}


def doctor(context: typer.Context, as_json: JsonFlag = False, env_file: EnvFile = None) -> None:
    """Look at settings, database, tokens and store, and say what to do about each fault."""
    from fbsync.doctor import look_at_settings, look_for_typos

    environ, sources = load_with_sources(env_file or context.obj)

    def source_of(name: str) -> str:
        """Where a variable was read from."""
        return sources[name] if environ.get(name, "").strip() else "default"

    settings = [look_at_settings(name, _GROUPS[name], environ, source_of) for name in _GROUPS]
    if typos := look_for_typos(environ, known_settings()):
        settings.append(typos)
    database = _look_at_database(environ)
    tokens = _look_at_tokens(environ, is_there="schema" in database.facts)
    store = _look_at_store(environ, database.facts)
    findings = [*settings, database, tokens, store]
    console = Console(quiet_results=as_json)
    for found in findings:
        console.step(Step(found.name, _SHOWN[found.state], found.detail))
    is_ok = all(found.state != "fault" for found in findings)
    if as_json:
        console.json(
            {
                "ok": is_ok,
                "settings": [found.as_json() for found in settings],
                "database": database.as_json(),
                "tokens": tokens.as_json(),
                "store": store.as_json(),
            }
        )
    if any(found.state == "fault" for found in settings):
        raise typer.Exit(WRONG_USAGE)
    raise typer.Exit(0 if is_ok else FAILED)


def known_settings() -> frozenset[str]:
    """The name of every setting: some are asked for only where there is a bucket."""
    names: set[str] = set()
    for read in _GROUPS.values():
        env = Environment({"SPACES_BUCKET": "any"})
        read(env)
        names |= env.asked
    return frozenset(names)


def _look_at_database(environ: Mapping[str, str]) -> Finding:
    """With the settings that are good; the others' faults are told already."""
    from fbsync.database.engine import sqlite_file
    from fbsync.database.place import database_url, open_database, told_address
    from fbsync.doctor import Finding, look_at_database

    env = Environment(environ)
    inbox = read_inbox(env)
    if env.faults:
        return Finding("database", "skipped", "It is looked at once its settings are complete.")
    url = database_url(inbox.app_id, inbox.url)
    address, path = told_address(url), sqlite_file(url)
    if path is not None and not path.exists():
        told = f"{address}: there is no such file; fbsync login or listen makes a new one."
        return Finding("database", "skipped", told, {"address": address})
    return look_at_database(address, lambda: open_database(url), read_limits(env))


def _look_at_tokens(environ: Mapping[str, str], *, is_there: bool) -> Finding:
    """With the key that is there: none is made by looking."""
    from fbsync.database.engine import sqlite_file
    from fbsync.database.place import database_url, open_database
    from fbsync.database.token_key import key_file, read_key_file
    from fbsync.doctor import Finding
    from fbsync.token_check import look_at_tokens

    env = Environment(environ)
    database, inbox = read_database(env), read_inbox(env)
    if env.faults or not is_there:
        told = "They are looked at once the database can be."
        return Finding("tokens", "skipped", told)
    url = database_url(inbox.app_id, inbox.url)

    def keys() -> tuple[str, ...]:
        path = sqlite_file(url)
        file = key_file(path) if path else None
        if database.token_keys or file is None or not file.exists():
            return database.token_keys
        return read_key_file(file)

    return look_at_tokens(lambda: open_database(url), keys)


def _look_at_store(environ: Mapping[str, str], known: Mapping[str, object]) -> Finding:
    """Beside what the database knows of it."""
    from fbsync.doctor import Finding, look_at_store
    from fbsync.store.place import open_store

    env = Environment(environ)
    settings = read_store(env)
    is_default = isinstance(settings, DirectorySettings) and settings.folder is None
    app_id = read_app(env).app_id if is_default else ""
    if env.faults:
        return Finding("store", "skipped", "It is looked at once its settings are complete.")
    # A folder is ours alone to write to, and a look must not make one.
    is_bucket = isinstance(settings, SpacesSettings)
    versions, store = known.get("versions"), known.get("store")
    return look_at_store(
        lambda: open_store(settings, app_id),
        versions if isinstance(versions, int) else 0,
        store if isinstance(store, str) else None,
        probes=is_bucket,
    )
