"""The terminal: which stream, which colours, and nothing from outside that could drive it."""

import io
import json
import re
import subprocess
import sys

import pytest

from fbsync.checklist import Step
from fbsync.console import Console, clean, clean_lines
from fbsync.errors import FbsyncError
from fbsync.standard_error import error_is_terminal


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a terminal that can show colours."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")


def test_results_go_to_stdout_and_messages_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.say("a message")
    console.line("stored", "a result")
    console.table(("Page", "Name"), [("1", "Bakery")])
    console.error(FbsyncError("It failed.\nTry again."))
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "stored    a result"
    assert "Bakery" in shown.out
    assert shown.err == "a message\nError: It failed.\nTry again.\n"


def test_beside_json_every_line_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet_results=True)
    console.line("stored", "a result")
    console.step(Step("login", "done", "Anna"))
    console.json({"ok": True, "name": "Café ☕"})
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"ok": True, "name": "Café ☕"}
    assert "a result" in shown.err
    assert "Anna" in shown.err


def test_nothing_in_json_can_drive_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J \x7f \x9b2J \u202e \u2028 \U000e0001 \ud800"
    Console().json({"name": evil})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"name": evil}
    assert shown.isascii()
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("state", "mark"), [("done", "✓ done"), ("failed", "✗ failed"), ("skipped", "– skipped")]
)
def test_a_step_shows_how_it_ended_in_words_too(
    capsys: pytest.CaptureFixture[str], state: str, mark: str
) -> None:
    step = Step("webhook test", state, "what came\nwhat to do")  # type: ignore[arg-type]  # from the table
    Console().step(step)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(mark)
    assert first.endswith("what came")
    assert second.strip() == "what to do"
    assert first.index("what came") == second.index("what to do")


def test_a_step_without_a_detail_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    Console().step(Step("login", "done", ""))
    assert capsys.readouterr().out.splitlines()[0].split() == ["✓", "done", "login"]


def test_long_lines_are_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    address = "https://www.facebook.com/dialog/oauth?" + "x" * 500
    Console().say(address)
    assert capsys.readouterr().err == address + "\n"


@pytest.mark.parametrize("columns", ["40", ""])
def test_in_a_pipe_each_row_of_a_table_is_one_line(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    words = "many words " * 20 + "\nend"
    cells = [("1", "東京", words), ("200000000000001", "[b]", "")]
    Console().table(("Page", "Name", "Details"), cells)
    assert capsys.readouterr().out.splitlines() == [
        "Page             Name  Details",
        f"1                東京  {clean(words)}",
        "200000000000001  [b]",
    ]


def test_a_table_gives_way_in_other_columns_than_the_first(
    coloured: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    Console().table(("Page", "Details"), [("200000000000001", "many words " * 20)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("200000000000001  many words")
    assert len(lines) > 3


@pytest.mark.parametrize("width", [30, 60, 80])
def test_a_table_loses_nothing_of_a_word_that_is_too_long_for_its_column(
    width: int,
    coloured: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    cells = ("1", "many words " * 20, "2026-11-24 08:21", "200000000000001")
    Console().table(("Page", "Name", "Stored", "Pages"), [cells])
    shown = re.sub(r"\x1b\[[01]m", "", capsys.readouterr().out)  # bold is no colour
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    assert sum(map(shown.count, "0123456789")) == sum(c.isdigit() for cell in cells for c in cell)


def test_colour_appears_where_a_terminal_asks_for_it(
    coloured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Console().line("refused", "text", "red")
    assert "\x1b[31m" in capsys.readouterr().out


def test_no_colour_appears_under_no_color(
    coloured: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    Console().line("refused", "text", "red")
    assert "31m" not in capsys.readouterr().out


def test_no_colour_appears_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.line("refused", "text", "red")
    console.step(Step("login", "failed", "no"))
    console.error(FbsyncError("It failed."))
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err


@pytest.mark.parametrize(
    "unsafe", ["\x1b[2J", "\x07", "\r", "\x9b31m", "\u202e", "\u2066", "\u200f", "\x00", "\ud800"]
)
def test_what_could_drive_or_deceive_the_terminal_is_replaced(
    unsafe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"Bakery{unsafe}yrekaB"
    assert unsafe[0] not in clean(name)
    console = Console()
    console.line("stored", name)
    console.table(("Name",), [(name,)])
    console.step(Step("login", "done", name))
    console.say(name)
    console.error(FbsyncError(name))
    shown = capsys.readouterr()
    assert unsafe[0] not in shown.out + shown.err


def test_line_ends_stay_where_they_are_ours() -> None:
    assert clean_lines("one\ntwo\x1b") == "one\ntwo\N{REPLACEMENT CHARACTER}"
    assert "\n" not in clean("one\ntwo")


def test_ordinary_names_stay_as_they_are() -> None:
    name = "Café Élan & Söhne ☕ 東京 [bold]"
    assert clean(name) == name


def test_markup_in_a_name_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.line("stored", "[red]Bakery[/red]")
    console.table(("Name",), [("[link=x]Butcher",)])
    console.say("[bold]Baker")
    shown = capsys.readouterr()
    assert "[red]Bakery[/red]" in shown.out
    assert "[link=x]Butcher" in shown.out
    assert "[bold]Baker" in shown.err


OUT_OF_FILES = """
import resource, sys
from fbsync.console import Console
from fbsync.errors import FbsyncError

console = Console()
assert "rich" not in sys.modules
console.load()
before = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
console.error(FbsyncError("No file is left."))
console.line("stored", "a page")
resource.setrlimit(resource.RLIMIT_NOFILE, before)  # for what looks at the end of a process
"""


def test_what_was_loaded_in_time_shows_without_any_file_left() -> None:
    ended = subprocess.run([sys.executable, "-c", OUT_OF_FILES], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("stored    a page\n", "Error: No file is left.\n")


class Odd:
    """A standard error that some program put there: it can only be written to."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def test_a_message_needs_no_more_than_somewhere_to_write_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Odd()
    monkeypatch.setattr(sys, "stderr", odd)
    Console().say("One.")
    assert odd.text == "One.\n"
    monkeypatch.setattr(sys, "stderr", None)
    Console().say("Two.")
    assert capsys.readouterr().out == ""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert not error_is_terminal()
