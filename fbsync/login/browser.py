"""Showing the login dialog: its address on the terminal, and a browser where there is a screen."""

import sys
import webbrowser
from collections.abc import Mapping

from fbsync.console import Console


def show_dialog(
    console: Console, environ: Mapping[str, str], url: str, *, relayed: bool, open_browser: bool
) -> None:
    """Print the address first, so that it is there whatever the browser does; then open it.

    `relayed`: a running listener holds the redirect's port and passes the answer on.
    """
    console.say(f"Open this address to log in:\n{url}")
    if relayed:
        console.say("fbsync listen holds the port of FACEBOOK_REDIRECT_URI and passes it on.")
    if open_browser and not (_has_screen(environ) and _open(url)):
        console.say("No browser could be opened here; open the address yourself.")


def _open(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except (webbrowser.Error, ValueError):  # ValueError: BROWSER is no command line
        return False


def _has_screen(environ: Mapping[str, str]) -> bool:
    """Without a screen, Python would start a text browser over this very terminal."""
    if sys.platform in ("darwin", "win32") or environ.get("BROWSER"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
