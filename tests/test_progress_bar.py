"""The bar of a long command."""

import pytest

from fbsync.console import Console
from fbsync.progress_bar import progress_bar


def test_on_a_terminal_it_shows_count_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar(Console(), "Polling", 2) as advance:
        advance(1)
        advance(2)
    shown = capsys.readouterr().err
    assert "Polling" in shown
    assert "3/3" in shown
    assert "/s, left:" in shown


def test_a_message_above_it_is_not_wrapped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    address, console = "https://www.facebook.com/dialog/oauth?" + "x" * 200, Console()
    with progress_bar(console, "Polling", 2):
        # As Rich before 15 has it: what takes the place of stderr meanwhile is no terminal.
        monkeypatch.setattr("sys.stderr.isatty", lambda: False)
        console.say(address)
    assert address in capsys.readouterr().err


def test_a_terminal_that_shows_lines_alone_gets_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "0")
    with progress_bar(Console(), "Polling", 2) as advance:
        advance(1)
    assert capsys.readouterr().err == ""


def test_elsewhere_it_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(Console(), "Polling", 0) as advance:
        advance(1)
    assert capsys.readouterr().err == ""
