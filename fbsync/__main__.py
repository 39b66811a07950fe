"""`python -m fbsync`, and the console script."""

import sys

from fbsync.interpreter import leave_swiftly, load_swiftly


def main() -> None:
    """Run the command line. Ctrl-C while it is still loaded ends quietly, as it does later."""
    load_swiftly()
    try:
        from fbsync.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        leave_swiftly()


if __name__ == "__main__":
    main()
