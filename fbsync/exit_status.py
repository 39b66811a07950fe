"""How a command ends, as the shell sees it. 0 is done."""

from fbsync.errors import FbsyncError, OutputFailed, SettingsError

FAILED = 1
WRONG_USAGE = 2
"""Wrong usage or settings; nothing was done."""
NEEDS_ATTENTION = 3
"""Done, but some pages need attention."""
CLOSED_PIPE = 141
"""As of a program that SIGPIPE ended: 128 and the signal's number."""


def status_of(error: FbsyncError) -> int:
    """The status of a command that ends with this error."""
    if isinstance(error, OutputFailed) and error.is_closed_pipe:
        return CLOSED_PIPE
    return WRONG_USAGE if isinstance(error, SettingsError) else FAILED
