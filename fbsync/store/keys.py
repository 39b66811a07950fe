"""Object keys: relative to the store's prefix, the same in a bucket and in a folder."""

PROBE_KEY = "fbsync-doctor/probe.json"
"""The key of what `fbsync doctor` writes to try the store; no page's."""


def checked(key: str) -> str:
    """The key. Raises ValueError where it could leave the prefix or confuse a server."""
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"{key!r} is no object key: it has an empty or a dotted part.")
    if "\\" in key or not key.isprintable():
        raise ValueError(f"{key!r} is no object key: it has a backslash or a control character.")
    return key


def checked_prefix(prefix: str) -> str:
    """The beginning of keys, itself. Raises ValueError where no key that is taken begins so."""
    folder, slash, _ = prefix.rpartition("/")
    if slash:
        checked(folder)
    return prefix
