"""The log of a command, and the error that ends it."""

import json

import pytest
import typer

from fbsync.errors import FbsyncError, SettingsError
from fbsync.logs.command import command_log
from fbsync.logs.format import LogFormat
from tests.fbsync_process import run_process

SETTINGS = {
    "FACEBOOK_APP_ID": "123456789012345",
    "FACEBOOK_APP_SECRET": "0123456789abcdef",
    "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
}


@pytest.mark.parametrize(
    ("error", "status"), [(FbsyncError("It failed.\nDo so."), 1), (SettingsError("Set it."), 2)]
)
def test_an_error_is_the_last_line_and_the_exit_status(
    error: FbsyncError, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, command_log(LogFormat.JSON) as log:
        log.say("Started.")
        raise error
    assert caught.value.exit_code == status
    first, last = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert first["message"] == "Started."
    assert (last["kind"], last["level"], last["message"]) == ("error", "error", str(error))


@pytest.mark.parametrize(
    ("command", "reason"),
    [("listen", "The database file"), ("worker", "There is no database at")],
)
def test_a_command_that_cannot_start_says_so_in_its_log_and_ends(command: str, reason: str) -> None:
    settings = SETTINGS | {"FBSYNC_DATABASE_URL": "sqlite:////proc/nowhere/f.sqlite3"}
    port = ["--port", "0"] if command == "listen" else []
    ended = run_process(command, *port, "--log-format", "json", **settings)
    assert (ended.status, ended.out) == (1, "")
    (line,) = (json.loads(text) for text in ended.err.splitlines())
    assert (line["kind"], line["level"]) == ("error", "error")
    assert line["message"].startswith(reason)
    told = run_process(command, *port, **settings)
    assert told.status == 1
    assert told.err.startswith(f"Error: {reason}")
