"""Patience without waiting: for tests of what happens at a failure, and of what happens after."""

from fbsync.patience import Patience

NO_PATIENCE = Patience(0)
"""Gives up at the first failure."""

INSTANT = Patience(1e9, sleep=lambda seconds: None)
"""Tries as often as ever, and waits in no time."""
