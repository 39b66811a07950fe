"""The command `fbsync logout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fbsync.console import Console, clean
from fbsync.exit_status import FAILED
from fbsync.parameters import EnvFile, JsonFlag, environ_of
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_graph
from fbsync.wording import counted

if TYPE_CHECKING:
    from fbsync.login.logout import LoggedOut

_KINDS = {
    "revoked": "logged out; the permissions are revoked",
    "dead": "logged out; the token had ended before",
    "forced": "logged out here only; Facebook was not told",
    "kept": "still logged in; nothing was wiped",
}
_STAYS = (
    "What is mirrored stays in the store. The webhook subscriptions stay too; to end them, run"
    " fbsync subscribe --remove before a logout.\n"
    "Pages that nobody else opened to us are parked until an admin runs: fbsync login"
)


def logout(
    context: typer.Context,
    user: Annotated[
        str | None, typer.Option("--user", metavar="ID", help="This person alone, not everybody.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Wipe the tokens even if Facebook cannot be told.")
    ] = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Revoke what people granted at Facebook, and wipe their tokens here."""
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
    from fbsync.graph.oauth import OAuth
    from fbsync.login.logout import log_out
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    with open_access(app_settings, graph, database, warn=console.say) as access:
        names = access.vault.names()
        if user is not None and user not in names:
            known = ", ".join(f"{one} ({clean(name)})" for one, name in names.items()) or "nobody"
            raise typer.BadParameter(f"not logged in; who is: {known}", param_hint="--user")
        people = []
        for one in names if user is None else [user]:
            oauth, vault, departures = OAuth(access.connection), access.vault, access.departures
            found = log_out(one, names[one], oauth, vault, departures, force=force)
            _show(console, found)
            people.append(found)
    if not people:
        console.say("Nobody is logged in.")
    elif any(found.ok for found in people):
        console.say(_STAYS)
    ok = all(found.ok for found in people)
    if as_json:
        console.json({"ok": ok, "people": [_as_json(found) for found in people]})
    raise typer.Exit(0 if ok else FAILED)


def _show(console: Console, found: LoggedOut) -> None:
    pages = counted(len(found.pages), "page")
    text = f"{found.name} ({found.user_id}), {pages}: {_KINDS[found.kind]}"
    console.line("✓" if found.ok else "✗", text, "green" if found.ok else "bold red")
    if found.detail:
        console.say(found.detail)
    if not found.ok:
        console.say("Try again, or wipe the tokens here all the same: fbsync logout --force")


def _as_json(found: LoggedOut) -> dict[str, object]:
    return {
        "user_id": found.user_id,
        "name": found.name,
        "outcome": found.kind,
        "pages": list(found.pages),
        "detail": found.detail,
    }
