"""fbsync's commands inside the test's own process, a tenth of what a new process costs.

All but the process is real: the command line is parsed, the environment read, and what comes out
of the streams is caught. What is about the process itself (signals, a terminal, a kill, two
commands at once) belongs to tests.fbsync_process.
"""

import gc
import io
import logging
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
import pytest

from fbsync import __main__ as program
from fbsync.cli import main
from tests.callback import callback_server
from tests.fbsync_process import Ended
from tests.servers import NO_TLS

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(*arguments: str, given: str = "", **environ: str) -> Ended:
    """Run `fbsync` to its end; `given` is its standard input."""
    streams = [_stream(given), _stream(), _OwnWords(io.BytesIO(), encoding="utf-8")]
    with _as_a_process(arguments, environ, streams):
        try:
            main()
            status: object = 0
        except SystemExit as end:
            status = end.code or 0
    _, out, err = map(_text, streams)
    assert isinstance(status, int)
    assert "Traceback" not in err, err
    return Ended(status, out, err)


def log_in_and_subscribe(port: int, **environ: str) -> None:
    """As with a listener on this port, but nothing runs on it afterwards."""
    logged_in = run("login", "--only", **environ)
    assert logged_in.status == 0, logged_in.err
    with callback_server(port=port):
        subscribed = run("subscribe", **environ)
    assert subscribed.status == 0, subscribed.err


@contextmanager
def _as_a_process(
    arguments: Sequence[str], environ: Mapping[str, str], streams: Sequence[io.TextIOWrapper]
) -> Iterator[None]:
    """What a process has of its own, and a new one finds untouched."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    threshold = gc.get_threshold()
    with pytest.MonkeyPatch.context() as patch:
        # As wide as Rich takes a pipe to be, whatever terminal the tests run in.
        for name, text in {"COLUMNS": "80", "BROWSER": "a person", **environ}.items():
            patch.setenv(name, text)
        patch.setitem(sys.modules, "__main__", program)
        patch.setattr(sys, "argv", [program.__file__, *arguments])
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        patch.setattr(webbrowser, "open", _follow)
        # pytest's would keep a library's warning from standard error.
        patch.setattr(logging.getLogger(), "handlers", [])
        try:
            yield
        finally:
            gc.unfreeze()
            gc.set_threshold(*threshold)
            for number, handler in handlers.items():
                signal.signal(number, handler)


class _OwnWords(io.TextIOWrapper):
    """The command's standard error, without what a sandbox's threads write in this process."""

    def __init__(self, buffer: io.BytesIO, encoding: str) -> None:
        super().__init__(buffer, encoding)
        self._theirs = sys.stderr
        self._others = {*threading.enumerate()} - {threading.current_thread()}

    def write(self, text: str) -> int:
        """Theirs go where they would have gone."""
        writer = threading.current_thread()
        # The sandbox's handlers run in threads of AnyIO, which fbsync's commands have none of.
        if writer in self._others or writer.name.startswith("AnyIO"):
            return self._theirs.write(text)
        return super().write(text)


def _stream(text: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def _follow(address: str) -> bool:
    """A person who opens the address in a browser, and whom the dialog sends back."""
    try:
        httpx.get(address, follow_redirects=True, trust_env=False, verify=NO_TLS)
    except httpx.HTTPError:
        return False
    return True
