"""The demo's sandbox: a process, known by its settings alone, gone at the end of the block."""

import signal
import subprocess
import sys

import httpx
import pytest

from fbsync.demo_sandbox import run_sandbox
from fbsync.errors import FbsyncError
from tests.servers import wait_until


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_sandbox/pages", trust_env=False).is_success
    except httpx.TransportError:  # also one that ends in the midst of the answer
        return False


def test_its_settings_lead_to_a_live_sandbox_that_ends_with_the_block() -> None:
    with run_sandbox(2) as settings:
        url = settings["FACEBOOK_GRAPH_URL"]
        assert is_up(url)
        assert set(settings) == {
            *("FACEBOOK_APP_ID", "FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN"),
            *("FACEBOOK_GRAPH_URL", "FACEBOOK_DIALOG_URL"),
            *("FACEBOOK_REDIRECT_URI", "FACEBOOK_WEBHOOK_ADDRESS"),
        }
        pages = httpx.get(f"{url}/_sandbox/pages", trust_env=False).json()["data"]
        assert len(pages) == 2
    assert not is_up(url)


def test_it_ends_where_the_block_fails() -> None:
    with pytest.raises(RuntimeError, match="the story broke"), run_sandbox(1) as settings:
        raise RuntimeError("the story broke")
    assert not is_up(settings["FACEBOOK_GRAPH_URL"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_it_ends_with_the_process_that_runs_it(number: signal.Signals) -> None:
    program = (
        "import time; from fbsync.demo_sandbox import run_sandbox as run\n"
        "with run(1) as found: print(found['FACEBOOK_GRAPH_URL'], flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert is_up(url)
        process.send_signal(number)
    wait_until(lambda: not is_up(url), "the end of the sandbox")


def test_the_persons_own_app_does_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEBOOK_APP_ID", "999999999999999")
    monkeypatch.setenv("FACEBOOK_APP_SECRET", "a real secret")
    with run_sandbox(1) as settings:
        assert settings["FACEBOOK_APP_ID"] != "999999999999999"
        assert settings["FACEBOOK_APP_SECRET"] != "a real secret"


def test_a_sandbox_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(FbsyncError, match=r"(?s)did not start.*fbsync sandbox"), run_sandbox(1):
        pytest.fail("there is no sandbox")
