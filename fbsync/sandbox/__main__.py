"""`python -m fbsync.sandbox`: the same as `fbsync sandbox`, without anything else of fbsync."""

import argparse
import os
import sys

from fbsync.sandbox.server import run


def main() -> None:
    """Read the options, and the app's id and secret from the environment; serve."""
    parser = argparse.ArgumentParser(prog="python -m fbsync.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free port")
    parser.add_argument("--pages", type=int, default=3, help="how many pages to invent")
    parser.add_argument("--auto-consent", action="store_true")
    options = parser.parse_args()
    try:
        run(
            host=options.host,
            port=options.port,
            pages=options.pages,
            auto_consent=options.auto_consent,
            app_id=os.environ.get("FACEBOOK_APP_ID"),
            app_secret=os.environ.get("FACEBOOK_APP_SECRET"),
        )
    except OSError as error:
        sys.exit(f"The sandbox cannot listen: {error.strerror}. Choose another --port.")


if __name__ == "__main__":
    main()
