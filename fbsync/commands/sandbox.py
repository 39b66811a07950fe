"""The command `fbsync sandbox`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.environment import reading
from fbsync.errors import FbsyncError
from fbsync.parameters import EnvFile, environ_of
from fbsync.settings import read_app


def sandbox(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 8090,
    pages: Annotated[int, typer.Option(min=0, max=100_000, help="How many pages to invent.")] = 3,
    auto_consent: Annotated[
        bool, typer.Option("--auto-consent", help="The login dialog answers Continue by itself.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Serve a Graph API of invented pages on this machine, to try everything offline."""
    app_settings = None
    environ = environ_of(context, env_file)
    if environ.get("FACEBOOK_APP_ID") or environ.get("FACEBOOK_APP_SECRET"):
        with reading(environ) as env:
            app_settings = read_app(env)
    from fbsync.sandbox.server import run

    try:
        run(
            host=host,
            port=port,
            pages=pages,
            auto_consent=auto_consent,
            app_id=app_settings.app_id if app_settings else None,
            app_secret=app_settings.app_secret if app_settings else None,
        )
    except OSError as error:
        raise FbsyncError(
            f"The sandbox cannot listen on {host} port {port}: {error.strerror}.\n"
            "Stop what holds the port, or choose others with --host and --port."
        ) from None
