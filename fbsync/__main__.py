"""`python -m fbsync`."""

from fbsync.cli import main

if __name__ == "__main__":
    main()
