"""bench/listen: how many durable answers a second the listener gives, and what bounds it.

The rounds are interleaved: each runs every receiver once, in an order that moves on by one, and a
ratio is taken within its round. So what else the machine does disturbs all of them alike.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from statistics import median

from bench import machine
from bench.client import Load, Order, send
from bench.receivers import CEILING, PATH, RECEIVERS
from bench.stage import Stage, listener, receiver, stage
from bench.table import markdown
from fbsync.listening.application import WEBHOOK_PATH

OURS = "fbsync listen"
_SERVERS = (OURS, *RECEIVERS, CEILING)
_MOST_A_SECOND = 8_000
_CEILING_REQUESTS = 50_000


@dataclass(frozen=True)
class Plan:
    """How often and how long, with how many connections and pages, and requests at most."""

    rounds: int
    seconds: float
    warm_up: float
    connections: int
    pages: int
    most: int
    only: tuple[str, ...] = _SERVERS


Rounds = Sequence[dict[str, Load]]


def measure(on: Stage, plan: Plan) -> Rounds:
    """All rounds, each a result for every server."""
    most = min(plan.most, int(_MOST_A_SECOND * (plan.seconds + plan.warm_up)))
    firsts = count(0, most)
    rounds = []
    for number in range(plan.rounds):
        shift = number % len(plan.only)
        order = [*plan.only[shift:], *plan.only[:shift]]
        rounds.append({name: _measure(on, plan, name, next(firsts), most) for name in order})
    return rounds


def _measure(on: Stage, plan: Plan, name: str, first: int, most: int) -> Load:
    def order(port: int, path: str) -> Order:
        return Order(
            port=port,
            path=path,
            app_secret=on.app_secret,
            page_ids=on.page_ids,
            connections=plan.connections,
            seconds=plan.seconds,
            warm_up=plan.warm_up,
            first=first,
            most=most,
        )

    if name == OURS:
        with listener(on) as (_, port):
            return send(order(port, WEBHOOK_PATH))
    with receiver(on, name) as port:
        asked = order(port, PATH)
        if name == CEILING:  # a second or two of it are enough
            warm_up = min(plan.warm_up, 0.1)
            asked = replace(asked, warm_up=warm_up, most=min(plan.most, _CEILING_REQUESTS))
        return send(asked)


def rows(rounds: Rounds) -> list[list[str]]:
    """A row for each server: medians over the rounds, and medians of the ratios within them."""
    return [
        [
            name,
            f"{median(r[name].rate for r in rounds):,.0f}",
            f"{median(r[name].p50 for r in rounds):.1f} ms",
            f"{median(r[name].p99 for r in rounds):.1f} ms",
            f"{median(r[OURS].rate / r[name].rate for r in rounds):.2f}",
            f"{median(r[OURS].p99 / r[name].p99 for r in rounds):.2f}",
            str(sum(r[name].failed for r in rounds)),
        ]
        for name in rounds[0]
    ]


COLUMNS = ("receiver", "answers/s", "p50", "p99", "ours ÷ it", "p99: ours ÷ it", "not 200")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="bench/listen", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds that do not count")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--requests", type=int, default=10**6, help="of a measurement, at most")
    parser.add_argument("--only", action="append", choices=_SERVERS, help="several are allowed")
    parser.add_argument("--json", action="store_true", help="every round as JSON")
    given = parser.parse_args(arguments)
    plan = Plan(
        rounds=given.rounds,
        seconds=given.seconds,
        warm_up=given.warm_up,
        connections=given.connections,
        pages=given.pages,
        most=given.requests,
        only=tuple(dict.fromkeys([OURS, *given.only])) if given.only else _SERVERS,
    )
    with stage(plan.pages) as on:
        about = machine.describe(on.folder)
        rounds = measure(on, plan)
    if given.json:
        told = [{name: asdict(load) for name, load in r.items()} for r in rounds]
        print(json.dumps({"machine": about, "plan": asdict(plan), "rounds": told}, indent=2))
        return
    print(markdown(("machine", ""), list(map(list, about.items()))))
    print(markdown(COLUMNS, rows(rounds)))


if __name__ == "__main__":
    main()
