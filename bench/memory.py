"""bench/memory: what the listener's process holds in memory with a great many events waiting.

It takes load and drains meanwhile. The peak is the kernel's own count for the whole life of the
process (VmHWM), so nothing between two looks is missed.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import machine
from bench.backlog import fill, invented_ids
from bench.client import Order, send
from bench.stage import Stage, listener, stage
from bench.table import markdown
from fbsync.listening.application import WEBHOOK_PATH

LIMIT_MIB = 150


@dataclass(frozen=True)
class Plan:
    """`pages` can be read; with `distinct`, every waiting event is about a page of its own."""

    events: int
    pages: int
    seconds: float
    connections: int
    distinct: bool


@dataclass(frozen=True)
class Use:
    """In MiB: when the listener is up, at the end, and the most it ever was."""

    events: int
    distinct: bool
    at_start: float
    at_end: float
    peak: float
    answers: int
    failed: int


def measure(on: Stage, plan: Plan) -> Use:
    """Fill, start the listener, load it, and look at its memory."""
    page_ids = invented_ids(plan.events) if plan.distinct else on.page_ids
    fill(on.database_url, page_ids, plan.events)
    with listener(on) as (process, port):
        at_start = resident_mib(process.pid)
        load = send(
            Order(
                port=port,
                path=WEBHOOK_PATH,
                app_secret=on.app_secret,
                page_ids=on.page_ids,
                connections=plan.connections,
                seconds=plan.seconds,
                warm_up=0.0,
                first=plan.events,
                most=int(4_000 * plan.seconds) + plan.connections,
            )
        )
        at_end, peak = resident_mib(process.pid), resident_mib(process.pid, peak=True)
    return Use(plan.events, plan.distinct, at_start, at_end, peak, load.answers, load.failed)


def resident_mib(process: int | str = "self", *, peak: bool = False) -> float:
    """The memory that a process holds, or the most that it ever held (Linux, proc(5))."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the process {process} does not tell its memory")


COLUMNS = ("waiting events", "about", "at its start", "at the end", "peak", "answers", "not 200")


def row(use: Use, pages: int) -> list[str]:
    """One measurement in the table."""
    return [
        f"{use.events:,}",
        f"{use.events if use.distinct else pages:,} pages",
        *(f"{mib:.0f} MiB" for mib in (use.at_start, use.at_end, use.peak)),
        f"{use.answers:,}",
        str(use.failed),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="bench/memory", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=1_000, help="that can be read")
    parser.add_argument("--seconds", type=float, default=60.0, help="of load")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--distinct", action="store_true", help="each about another page")
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args(arguments))
    as_json = given.pop("json")
    plan = Plan(**given)
    with stage(plan.pages) as on:
        about = machine.describe(on.folder)
        use = measure(on, plan)
    if as_json:
        print(json.dumps({"machine": about, "plan": asdict(plan), "use": asdict(use)}, indent=2))
        return
    print(markdown(COLUMNS, [row(use, plan.pages)]))
    print(f"The limit is {LIMIT_MIB} MiB.")


if __name__ == "__main__":
    main()
