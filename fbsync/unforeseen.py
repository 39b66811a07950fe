"""An exception that nobody foresaw, in one line: its type and places, never its values.

Those may be secrets, or a body from outside. The places lead to the line of code all the same.
"""

import traceback
from pathlib import Path

_MAX_PLACES = 5


def describe(error: BaseException) -> str:
    """The type and the places in the code, the innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_PLACES:]
    places = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    ]
    return f"{type(error).__name__} at {' < '.join(places) or 'an unknown place'}"
