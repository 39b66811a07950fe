"""`fbsync login --paste`: the address that the browser ended at, pasted into the terminal.

For machines without a browser, and for live apps, whose redirect must be https.
"""

import getpass
import secrets
import sys
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit

from fbsync.errors import LoginFailed
from fbsync.login.dialog_answer import is_ours, read_answer

_AGAIN = "Run fbsync login --paste again, and paste the whole address that the browser ends at."
_PROMPT = "Paste the address that the browser ended at, then press Enter"


def new_state() -> str:
    """A text that only this login's answer can bring: 256 random bits."""
    return secrets.token_urlsafe(32)


def read_line(say: Callable[[str], None]) -> str:
    """One line of stdin; from a terminal it is not echoed, as it holds the code. "" at its end."""
    if not sys.stdin.isatty():
        say(f"{_PROMPT}:")
        return sys.stdin.readline()
    try:
        return getpass.getpass(f"{_PROMPT} (it is not shown): ", stream=sys.stderr)
    except EOFError:
        return ""


def read_pasted(line: str, redirect_uri: str, state: str) -> str:
    """The login code in a pasted address, or in its query alone. Raises LoginFailed.

    What was pasted is never repeated in a message, as it may hold a code.
    """
    text = line.strip()
    if not text:
        raise LoginFailed(f"Nothing was pasted.\n{_AGAIN}")
    query = _query(text, redirect_uri)
    answer = read_answer(query)
    if answer is None:
        raise LoginFailed(f"What was pasted holds no answer of the dialog.\n{_AGAIN}")
    if not is_ours(query, state):
        raise LoginFailed(
            "What was pasted answers another login: its state is not the one of this address.\n"
            f"{_AGAIN}"
        )
    if isinstance(answer, LoginFailed):
        raise answer
    return answer


def _query(text: str, redirect_uri: str) -> Mapping[str, str]:
    """The parameters; the fragment `#_=_` is Meta's habit and no part of them."""
    head = text.partition("?")[0]
    if "/" not in head or "=" in head:  # the query alone
        return dict(parse_qsl(text.removeprefix("?").partition("#")[0], keep_blank_values=True))
    wanted = urlsplit(redirect_uri)
    if "://" not in head:  # some browsers do not show it
        text = f"{wanted.scheme}://{text}"
    try:
        parts = urlsplit(text)
        is_redirect = _place(parts) == _place(wanted)
    except ValueError:
        is_redirect = False
    if not is_redirect:
        raise LoginFailed(
            "What was pasted is not the address that the dialog leads to: that one begins with"
            f" {redirect_uri}\n{_AGAIN}"
        )
    return dict(parse_qsl(parts.query, keep_blank_values=True))


def _place(parts: SplitResult) -> tuple[object, ...]:
    ports = {"http": 80, "https": 443}
    return parts.scheme, parts.hostname, parts.port or ports.get(parts.scheme), parts.path or "/"
