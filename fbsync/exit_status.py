"""How a command ends, as the shell sees it. 0 is done."""

FAILED = 1
WRONG_USAGE = 2
"""Wrong usage or settings; nothing was done."""
NEEDS_ATTENTION = 3
"""Done, but some pages need attention."""
