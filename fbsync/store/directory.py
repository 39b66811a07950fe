"""The object store in a local folder, of the same layout as a bucket."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from fbsync.errors import StoreRefused, StoreUnavailable
from fbsync.ports import StoredObject, etag_of
from fbsync.store.folder import (
    NO_HARD_LINKS,
    TEMPORARY,
    check_writable,
    create_file,
    make_folder,
    replace_file,
)
from fbsync.store.keys import checked, checked_prefix

_LASTING = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT}
)
"""Faults that do not pass by themselves."""


class DirectoryStore:
    """Objects as files under `root`/`prefix`. Implements ports.ObjectStore."""

    def __init__(self, root: Path, prefix: str) -> None:
        self._folder = root.joinpath(*prefix.split("/")) if prefix else root

    @property
    def address(self) -> str:
        """The folder's path."""
        return str(self._folder)

    @property
    def identity(self) -> str:
        """See ports.ObjectStore."""
        return self.address

    def check(self) -> None:
        """See ports.ObjectStore: the folder, or its nearest parent that is there, takes files."""
        try:
            check_writable(self._folder)
        except OSError as error:
            raise _unavailable("written", Path(error.filename), error) from None

    def put(self, key: str, body: bytes) -> bool:
        """Write a temporary file, fsync it, rename it, fsync the folder: all or nothing."""
        path = self._path(key)
        try:
            make_folder(path.parent)
            replace_file(path, body)
        except OSError as error:
            raise _unavailable("written", path, error) from None
        return False

    def create(self, key: str, body: bytes) -> bool:
        """See ports.ObjectStore. The file gets its name by a hard link, which replaces nothing."""
        path = self._path(key)
        try:
            make_folder(path.parent)
            return create_file(path, body)
        except OSError as error:
            raise _unavailable("written", path, error) from None

    def get(self, key: str) -> bytes | None:
        """The file's bytes, or None where there is none."""
        return _read(self._path(key))

    def head(self, key: str) -> StoredObject | None:
        """See ports.ObjectStore. The file is read: nothing else tells what it holds."""
        return _described(key, self._path(key))

    @property
    def guards_creates(self) -> bool:
        """See ports.ObjectStore."""
        return True

    @property
    def list_requests(self) -> int:
        """See ports.ObjectStore."""
        return 0

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose keys begin with the prefix, in order; one file is read at a time.

        Only folders that may hold such keys are looked at.
        """
        above, slash, beginning = checked_prefix(prefix).rpartition("/")
        for key in self._keys(above + slash, beginning):
            # Somebody else's file may have a name that no key of ours has.
            if found := _described(key, self._folder / key):
                yield found

    def _keys(self, folder: str, beginning: str = "") -> Iterator[str]:
        """Those below a folder ("" or with a slash at its end), in order.

        `beginning` is that of the names in the folder itself.
        """
        path = self._folder / folder
        try:
            with os.scandir(path) as entries:
                # A folder's name stands with its slash in the keys, and is ordered so. A link to a
                # folder is no object and no folder: it may lead in a circle.
                names = sorted(
                    f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                    for entry in entries
                    if entry.name.startswith(beginning)
                    and not entry.name.startswith(TEMPORARY)
                    and (entry.is_dir(follow_symlinks=False) or entry.is_file())
                )
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _unavailable("listed", path, error) from None
        for name in names:
            if name.endswith("/"):
                yield from self._keys(folder + name)
            else:
                yield folder + name

    def _path(self, key: str) -> Path:
        return self._folder.joinpath(*checked(key).split("/"))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unavailable("read", path, error) from None


def _described(key: str, path: Path) -> StoredObject | None:
    body = _read(path)
    return None if body is None else StoredObject(key, etag_of(body), len(body))


def _unavailable(what: str, path: Path, error: OSError) -> StoreUnavailable:
    kind = StoreRefused if error.errno in _LASTING else StoreUnavailable
    if error.strerror == NO_HARD_LINKS:
        advice = "Choose another FBSYNC_STORE_DIR, on a disk of this machine."
    else:
        advice = "Check the folder's rights and the free space, or choose another FBSYNC_STORE_DIR."
    return kind(f"{path} could not be {what}: {error.strerror or error}.\n{advice}")
