"""How far a long command has come, with its rate and the time that is left."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fbsync.console import Console
from fbsync.standard_error import error_is_terminal


@contextmanager
def progress_bar(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """On stderr, if that is a terminal. Gives what moves it on by a number; any thread may.

    `total` may be too small, or 0 where nothing is known: more is found on the way.
    """
    # Rich, which has a word in it, is loaded for a terminal alone.
    if not (error_is_terminal() and console.messages.is_terminal):
        yield lambda count: None
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    begun, done = time.monotonic(), 0
    with progress.Progress(*columns, console=console.messages) as bar:
        task = bar.add_task(what, total=total or None, rate="")

        def advance(count: int) -> None:
            nonlocal done
            done += count
            rate = done / max(time.monotonic() - begun, 0.001)
            bar.update(task, advance=count, total=max(total, done), rate=f"{rate:,.0f}/s, left:")

        yield advance
