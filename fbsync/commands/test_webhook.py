"""The command `fbsync test-webhook`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.checklist import Checklist
from fbsync.console import Console
from fbsync.exit_status import FAILED
from fbsync.parameters import EnvFile, JsonFlag, environ_of
from fbsync.settings.environment import is_http_url, reading
from fbsync.settings.facebook import read_app, read_callback_address, read_verify_token


def probe_webhook(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Argument(help="A listener's address; the one on this machine.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Test FACEBOOK_WEBHOOK_ADDRESS.")
    ] = False,
    case: Annotated[
        list[str] | None,
        typer.Option(
            "--case", metavar="NAME", help="What to send, or all; docs/operations.md lists them."
        ),
    ] = None,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Send what Meta would send: a handshake, a signed event, a forged one; judge the answers."""
    if url and public:
        raise typer.BadParameter("give an address or --public, not both")
    if url and not is_http_url(url):
        raise typer.BadParameter(f"{url} is no address such as http://127.0.0.1:5000/path")
    names = _names(case)
    with reading(environ_of(context, env_file)) as env:
        secret, verify_token = read_app(env).app_secret, read_verify_token(env)
        address = read_callback_address(env, required=public)
    from fbsync.probe import Target, local_url, probe

    console = Console(quiet_results=as_json)
    checklist = Checklist(console.step)
    target = Target(url or (address if public else local_url(address)), secret, verify_token)
    console.say(f"Testing {target.url}")
    probe(target, checklist, names)
    if as_json:
        ok = {"ok": checklist.ok, "url": target.url, "steps": checklist.as_json()}
        console.json(ok)
    raise typer.Exit(0 if checklist.ok else FAILED)


def _names(case: list[str] | None) -> tuple[str, ...]:
    """What to send. Raises typer.BadParameter."""
    from fbsync.probe_cases import ALL, DEFAULT

    names = ALL if case == ["all"] else tuple(case or DEFAULT)
    if unknown := [name for name in names if name not in ALL]:
        told = f"{unknown[0]} is none of them; choose all or some of {', '.join(ALL)}"
        raise typer.BadParameter(told, param_hint="--case")
    return names
