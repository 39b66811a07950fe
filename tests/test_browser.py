"""Showing the login dialog: the address first, and a browser only where there is a screen."""

import sys
import webbrowser

import pytest

from fbsync.console import Console
from fbsync.login.browser import show_dialog

URL = "https://www.facebook.com/v26.0/dialog/oauth?state=" + "s" * 300
SCREEN = {"DISPLAY": ":0"}
NO_BROWSER = "No browser could be opened here"
RELAYED = "fbsync listen holds the port"


class Browser:
    """Stands for the one that Python would open; notes what the terminal had said by then."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.opens: bool | Exception = True
        self.opened: list[str] = []
        self.said_before_it_opened = ""
        self._said = ""

    def open(self, url: str) -> bool:
        self.opened.append(url)
        self.said_before_it_opened = self.text()
        if isinstance(self.opens, Exception):
            raise self.opens
        return self.opens

    def text(self) -> str:
        """What stands on the terminal by now."""
        out, err = self._capsys.readouterr()
        assert out == "", "stdout is for results"
        self._said += err
        return self._said


@pytest.fixture
def browser(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Browser:
    made = Browser(capsys)
    monkeypatch.setattr(webbrowser, "open", made.open)
    monkeypatch.setattr(sys, "platform", "linux")
    return made


def show(environ: dict[str, str], *, relayed: bool = False, open_browser: bool = True) -> None:
    show_dialog(Console(), environ, URL, relayed=relayed, open_browser=open_browser)


def test_the_address_stands_there_in_one_line_before_the_browser_opens(browser: Browser) -> None:
    show(SCREEN)
    assert browser.opened == [URL]
    assert URL in browser.said_before_it_opened.splitlines()
    assert NO_BROWSER not in browser.text()


@pytest.mark.parametrize(
    "environ", [{"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0"}, {"BROWSER": "firefox"}]
)
def test_a_browser_opens_where_there_is_a_screen_or_one_is_named(
    browser: Browser, environ: dict[str, str]
) -> None:
    show(environ)
    assert browser.opened == [URL]


@pytest.mark.parametrize("environ", [{}, {"DISPLAY": "", "WAYLAND_DISPLAY": "", "BROWSER": ""}])
def test_without_a_screen_none_is_tried_and_the_person_opens_the_address(
    browser: Browser, environ: dict[str, str]
) -> None:
    show(environ)
    assert browser.opened == []
    assert URL in browser.text()
    assert NO_BROWSER in browser.text()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_macos_and_windows_always_have_a_screen(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    show({})
    assert browser.opened == [URL]


@pytest.mark.parametrize(
    "opens", [False, webbrowser.Error("none found"), ValueError("No closing quotation")]
)
def test_a_browser_that_does_not_open_is_told(browser: Browser, opens: bool | Exception) -> None:
    browser.opens = opens
    show(SCREEN)
    assert NO_BROWSER in browser.text()


def test_who_wants_no_browser_gets_the_address_alone(browser: Browser) -> None:
    show(SCREEN, open_browser=False)
    assert browser.opened == []
    assert browser.text().split("\n", 1)[1] == f"{URL}\n"


@pytest.mark.parametrize("relayed", [True, False])
def test_it_is_told_whether_a_listener_passes_the_answer_on(
    browser: Browser, relayed: bool
) -> None:
    show(SCREEN, relayed=relayed)
    assert (RELAYED in browser.text()) is relayed
