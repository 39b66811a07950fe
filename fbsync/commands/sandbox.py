"""The command `fbsync sandbox`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from fbsync.errors import FbsyncError
from fbsync.parameters import EnvFile, environ_of
from fbsync.settings.environment import reading
from fbsync.settings.facebook import AppSettings, read_app


class _WithManual(TyperCommand):
    """Its help goes on with the sandbox's own manual, which is read when somebody asks for it."""

    def format_help(self, *args: Any, **options: Any) -> None:
        """See typer."""
        super().format_help(*args, **options)
        from fbsync.sandbox import manual

        typer.echo(manual.text())


app = typer.Typer(add_completion=False)


@app.command(cls=_WithManual)
def sandbox(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 8090,
    pages: Annotated[int, typer.Option(min=0, max=100_000, help="How many pages to invent.")] = 3,
    auto_consent: Annotated[
        bool, typer.Option("--auto-consent", help="The login dialog answers Continue by itself.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The file that keeps the state.")
    ] = None,
    faults: Annotated[
        int | None, typer.Option(metavar="SEED", help="Faults chosen by this seed.")
    ] = None,
    switch: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set a switch; as often as you like."),
    ] = None,
    env_file: EnvFile = None,
) -> None:
    """Serve a Graph API of invented pages on this machine, to try everything offline."""
    of_settings = _app(context, env_file)
    from fbsync.sandbox.options import Options, SandboxError, WrongOption
    from fbsync.sandbox.process import run

    options = Options(host, port, pages, auto_consent, state, faults, tuple(switch or ()))
    if of_settings is not None:
        options = replace(options, app_id=of_settings.app_id, app_secret=of_settings.app_secret)
    try:
        run(options)
    except WrongOption as error:
        raise typer.BadParameter(str(error)) from None
    except SandboxError as error:
        raise FbsyncError(str(error)) from None


def _app(context: typer.Context, env_file: Path | None) -> AppSettings | None:
    """The app of the settings, if there is one."""
    environ = environ_of(context, env_file)
    if not environ.get("FACEBOOK_APP_ID") and not environ.get("FACEBOOK_APP_SECRET"):
        return None
    with reading(environ) as env:
        return read_app(env)
