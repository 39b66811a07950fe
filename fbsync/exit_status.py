"""How a command ends, as the shell sees it. 0 is done."""

from fbsync.errors import FbsyncError, SettingsError

FAILED = 1
WRONG_USAGE = 2
"""Wrong usage or settings; nothing was done."""
NEEDS_ATTENTION = 3
"""Done, but some pages need attention."""


def status_of(error: FbsyncError) -> int:
    """The status of a command that ends with this error."""
    return WRONG_USAGE if isinstance(error, SettingsError) else FAILED
