"""Commands whose standard error is full or closed: they do their work all the same."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fbsync.exit_status import FAILED
from tests.fbsync_inside import run
from tests.fbsync_process import Ended, environ_of
from tests.servers import Sandbox
from tests.test_cli import settings

has_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")


def ended(arguments: str, redirection: str, **environ: str) -> Ended:
    """How `fbsync` in a shell ends."""
    program = shlex.join([sys.executable, "-m", "fbsync"])
    command = ["/bin/sh", "-c", f"{program} {arguments} {redirection}"]
    done = subprocess.run(
        command, env=environ_of(environ), capture_output=True, text=True, check=False, timeout=120
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@has_full
def test_a_sync_whose_messages_are_lost_mirrors_every_page(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.world.auto_consent = True
    environ = settings(sandbox) | {"FBSYNC_STORE_DIR": str(tmp_path / "store")}
    assert run("login", "--only", **environ).status == 0
    result = tmp_path / "result"
    assert ended("sync --json", f"2>/dev/full >{result}", **environ).status == 0
    assert len(list(tmp_path.rglob("page_data.json"))) == 3
    assert '"stored": 3' in result.read_text()


def test_so_does_one_whose_reader_is_gone(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.world.auto_consent = True
    environ = settings(sandbox) | {"FBSYNC_STORE_DIR": str(tmp_path / "store")}
    assert run("login", "--only", **environ).status == 0
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "fbsync", "sync"]
    environ = environ_of(environ)
    done = subprocess.run(command, env=environ, stderr=writer, check=False, timeout=120)
    os.close(writer)
    assert done.returncode == 0
    assert len(list(tmp_path.rglob("page_data.json"))) == 3


@has_full
def test_wrong_usage_keeps_its_status_though_nobody_is_told() -> None:
    assert ended("--nonsense", "2>/dev/full").status == 2


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-"])
def test_a_file_that_is_opened_later_does_not_get_its_number(closed: str) -> None:
    program = (
        "import os; from fbsync.standard_error import expendable_standard_error as begin;"
        " begin(); print(os.open('/dev/null', os.O_RDONLY))"
    )
    command = ["/bin/sh", "-c", f"{shlex.join([sys.executable, '-c', program])} {closed}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120)
    assert int(done.stdout) > 2


def test_standard_output_that_is_closed_with_standard_input_is_told() -> None:
    found = ended("--version", "<&- >&-")
    assert found.status == FAILED
    assert "Error: Standard output could not be written" in found.err
    assert "Traceback" not in found.err
