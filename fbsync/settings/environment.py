"""Reads variables from a mapping such as the environment, and reports all their faults at once.

    with reading(environ) as env:
        app = read_app(env)
        store = read_store(env)

Leaving the block raises one SettingsError that names every missing or malformed variable.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from fbsync.errors import SettingsError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Environment:
    """Reads variables and collects what is wrong with them. An empty variable counts as unset.

    `asked` are the names of those that were read.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []
        self.asked: set[str] = set()

    def get(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks, or the default."""
        self.asked.add(name)
        return self._environ.get(name, "").strip() or default

    def require(self, name: str, example: str) -> str:
        """The value; where it is missing, a fault is noted and an empty text returned."""
        value = self.get(name)
        if not value:
            self.fault(name, "is missing", example)
        return value

    def check(self, name: str, value: str, rule: Callable[[str], object], example: str) -> str:
        """The value; where it is there but breaks the rule, a fault is noted."""
        if value and not rule(value):
            self.fault(name, "is malformed", example)
        return value

    def fault(self, name: str, what: str, example: str) -> None:
        """Note a fault. The value itself is never shown: it may be a secret in the wrong place."""
        self.faults.append(f"{name} {what}; example: {name}={example}")


@contextmanager
def reading(environ: Mapping[str, str]) -> Iterator[Environment]:
    """Read groups from the mapping; on leaving, raise one SettingsError for all faults."""
    env = Environment(environ)
    yield env
    if env.faults:
        faults = "".join(f"\n  {fault}" for fault in dict.fromkeys(env.faults))
        raise SettingsError(f"Some settings need attention:{faults}\nSet them here or in .env.")


def matches(pattern: str) -> Callable[[str], object]:
    """A rule: the whole text fits the pattern."""
    return re.compile(pattern).fullmatch


def is_http_url(url: str) -> bool:
    """A rule: an http or https address without user, password, query or fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and plain


def is_safe_url(url: str) -> bool:
    """A rule: tokens and secrets travel only over https, or inside this machine."""
    if not is_http_url(url):
        return False
    return url.startswith("https://") or urlsplit(url).hostname in LOOPBACK_HOSTS
