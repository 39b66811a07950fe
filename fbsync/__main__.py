"""`python -m fbsync`, and the console script."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C while it is still loaded ends quietly, as it does later."""
    try:
        from fbsync.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
