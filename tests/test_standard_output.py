"""Commands whose standard output is full, or closed by who reads it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fbsync.exit_status import CLOSED_PIPE, FAILED
from fbsync.store.directory import DirectoryStore
from tests.fbsync_process import Ended, environ_of, run_process
from tests.written_history import PAGE, write

COMMANDS = [
    f"history {PAGE}",
    f"history {PAGE} --json",
    f"show {PAGE}",
    f"diff {PAGE} 1 2",
    "doctor",
    "--help",
    "--version",
]


def shell(arguments: str, redirection: str, folder: Path, **environ: str) -> Ended:
    """`fbsync` in a shell."""
    write(DirectoryStore(folder / "store", "facebook"))
    program = shlex.join([sys.executable, "-m", "fbsync"])
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{program} {arguments} {redirection}"],
        env=environ_of({"FBSYNC_STORE_DIR": str(folder / "store"), **environ}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_full_disk_is_an_error_of_two_lines(arguments: str, tmp_path: Path) -> None:
    ended = shell(arguments, ">/dev/full", tmp_path)
    assert ended.status == FAILED
    first, second = ended.err.splitlines()[-2:]
    assert first == "Error: Standard output could not be written: No space left on device."
    assert "run it again" in second
    assert "Traceback" not in ended.err
    assert "Exception ignored" not in ended.err


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_reader_that_wants_no_more_ends_it_quietly(arguments: str, tmp_path: Path) -> None:
    write(DirectoryStore(tmp_path / "store", "facebook"))
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "fbsync", *arguments.split()],
        env=environ_of({"FBSYNC_STORE_DIR": str(tmp_path / "store")}),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        timeout=120,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (CLOSED_PIPE, b"")


def test_a_standard_output_that_is_closed_from_the_start_is_told(tmp_path: Path) -> None:
    ended = shell(f"show {PAGE}", ">&-", tmp_path)
    assert ended.status == FAILED
    assert "Error: Standard output could not be written: Bad file descriptor." in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("chosen", ["ascii", "ascii:surrogateescape"])
@pytest.mark.parametrize("arguments", ["doctor", f"history {PAGE}", f"diff {PAGE} 1 2"])
def test_what_the_encoding_does_not_have_is_written_as_an_escape(
    arguments: str, chosen: str, tmp_path: Path
) -> None:
    write(DirectoryStore(tmp_path / "store", "facebook"))
    environ = {"FBSYNC_STORE_DIR": str(tmp_path / "store")}
    usual = run_process(*arguments.split(), **environ)
    ended = run_process(*arguments.split(), PYTHONIOENCODING=chosen, **environ)
    assert ended.status == usual.status
    assert ended.out == usual.out.encode("ascii", "backslashreplace").decode()


def test_an_error_handler_that_was_chosen_stays(tmp_path: Path) -> None:
    ended = shell("doctor", "", tmp_path, PYTHONIOENCODING="ascii:replace")
    assert ended.out.startswith("? ")


def test_both_outputs_full_end_it_all_the_same(tmp_path: Path) -> None:
    assert shell(f"show {PAGE}", ">/dev/full 2>&1", tmp_path).status == FAILED
