"""Files and folders of a store on this machine, durable and whole."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY = ".fbsync-"
"""The beginning of every temporary file's name."""

NO_HARD_LINKS = "its file system knows no hard links, which a new version needs"
_KNOWS_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def check_writable(folder: Path) -> None:
    """That files can be made in the folder, or the folder itself. Raises OSError; makes nothing."""
    there = folder
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    ours = os.access in os.supports_effective_ids  # whose rights will count
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=ours):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


def make_folder(folder: Path) -> None:
    """The folder and its parents, each entry of them durable. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def replace_file(path: Path, body: bytes) -> None:
    """Write a temporary file, fsync it, rename it, fsync the folder. Raises OSError."""
    with _written(path.parent, body) as name:
        os.replace(name, path)
    _sync_folder(path.parent)


def create_file(path: Path, body: bytes) -> bool:
    """As `replace_file`, but a file that is there stays. Whether it holds these bytes now.

    Raises OSError, so where the file system knows no hard links.
    """
    with _written(path.parent, body) as name:
        try:
            os.link(name, path)
        except FileExistsError:
            if path.read_bytes() != body:
                return False
        except OSError as error:
            # Linux says EPERM here, which would look like missing rights (link(2)).
            if error.errno in _KNOWS_NO_LINKS:
                raise OSError(error.errno, NO_HARD_LINKS, str(path)) from None
            raise
    _sync_folder(path.parent)  # of the same bytes too: who wrote them may have died before this
    return True


@contextmanager
def _written(folder: Path, body: bytes) -> Iterator[str]:
    """A durable temporary file in the folder; gone at the end, unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=folder)
    try:
        with open(handle, "wb") as file:
            os.fchmod(handle, 0o644)  # mkstemp makes 0600; other users may read public facts
            file.write(body)
            file.flush()
            os.fsync(handle)
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable (POSIX: the entry belongs to the folder, not to the file)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
