"""The machine that a result belongs to."""

import os
import platform
import sqlite3
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile

from fbsync.database.sqlite_file import loses_commits_in_wal

_BLOCK = b"x" * 4096


def describe(folder: Path, seconds: float = 1.0) -> dict[str, str]:
    """Cores, memory, the disk under `folder`, and the versions that matter.

    `seconds` is how long the disk is measured.
    """
    mode = "rollback journal" if loses_commits_in_wal(sqlite3.sqlite_version_info) else "WAL"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fsyncs = fsyncs_a_second(folder, seconds)
    return {
        "Processor": f"{os.cpu_count()} cores, {platform.machine()}",
        "Memory": f"{memory / 2**30:.0f} GiB",
        "Disk": f"{fsyncs:,.0f} fsyncs of 4 KiB a second, one after another",
        "System": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": sys.version.partition(" ")[0],
        "SQLite": f"{sqlite3.sqlite_version} ({mode})",
    }


def fsyncs_a_second(folder: Path, seconds: float) -> float:
    """How many small writes the disk makes durable, one after another."""
    count, begin = 0, time.perf_counter()
    with TemporaryFile(dir=folder, buffering=0) as file:
        while time.perf_counter() - begin < seconds:
            file.seek(0)
            file.write(_BLOCK)
            os.fsync(file.fileno())
            count += 1
    return count / (time.perf_counter() - begin)
