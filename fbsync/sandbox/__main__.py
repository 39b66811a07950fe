"""`python -m fbsync.sandbox`: the same as `fbsync sandbox`, without anything else of fbsync."""

import argparse
import os
import sys
from pathlib import Path

from fbsync.sandbox import manual
from fbsync.sandbox.options import Options, SandboxError, WrongOption
from fbsync.sandbox.process import run


def main() -> None:
    """Read the options, and the app's id and secret from the environment; serve."""
    parser = _parser()
    given = parser.parse_args()
    options = Options(
        host=given.host,
        port=given.port,
        pages=given.pages,
        auto_consent=given.auto_consent,
        state=given.state,
        faults=given.faults,
        switches=tuple(given.switch),
        app_id=os.environ.get("FACEBOOK_APP_ID"),
        app_secret=os.environ.get("FACEBOOK_APP_SECRET"),
        until_stdin_ends=given.until_stdin_ends,
    )
    try:
        run(options)
    except WrongOption as error:
        parser.error(str(error))
    except SandboxError as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fbsync.sandbox",
        description="Serve a Graph API of invented pages on this machine.",
        epilog=manual.text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Options()
    parser.add_argument("--host", default=default.host, help="the address to serve on")
    parser.add_argument("--port", type=int, default=default.port, help="0 takes a free port")
    parser.add_argument("--pages", type=int, default=default.pages, help="how many a new state has")
    parser.add_argument(
        "--auto-consent", action="store_true", help="the dialog answers Continue by itself"
    )
    parser.add_argument("--state", type=Path, help="the file that keeps the state")
    parser.add_argument("--faults", type=int, metavar="SEED", help="faults chosen by this seed")
    parser.add_argument(
        "--switch", action="append", default=[], metavar="NAME=VALUE", help="set a switch"
    )
    # For a program that runs it, not for a person: see Options.
    parser.add_argument("--until-stdin-ends", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
