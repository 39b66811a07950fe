"""`fbsync`: the commands put together, and how an error becomes an exit status."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fbsync import __version__
from fbsync.command_group import CommandGroup
from fbsync.console import Console
from fbsync.errors import FbsyncError
from fbsync.exit_status import CLOSED_PIPE, status_of
from fbsync.parameters import EnvFile
from fbsync.standard_error import expendable_standard_error
from fbsync.standard_output import standard_output

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its frames show local variables, and those may be secrets
)


def print_version(wanted: bool) -> None:
    """Print the version and end, before a command is asked for."""
    if wanted:
        typer.echo(f"fbsync {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    env_file: EnvFile = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version),
    ] = False,
) -> None:
    """Keep a live, verified copy of your Facebook Pages in DigitalOcean Spaces."""
    context.obj = env_file


def main() -> None:
    """The console script: one place turns errors into an exit status."""
    try:
        with standard_output():
            expendable_standard_error()
            app()
    except FbsyncError as error:
        status = status_of(error)
        if status != CLOSED_PIPE:  # who closed it knows
            Console().error(error)
        sys.exit(status)
