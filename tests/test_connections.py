"""The table of open connections, and how many there may be. Real connections: test_http_edge."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from fbsync.listening.connections import (
    ENDINGS,
    MAX_CONNECTIONS,
    Connections,
    Ending,
    most_connections,
)
from fbsync.notice import Notice


@dataclass(eq=False)
class Client:
    """A connection that only remembers what happened to it."""

    connections: Connections
    deadline: float = 0.0
    held: int = 0
    expired: int = 0
    endings: list[Ending] = field(default_factory=list)

    def expire(self, now: float) -> None:
        self.expired += 1

    def cut(self, ending: Ending) -> None:
        self.endings.append(ending)
        self.connections.note(ending)
        self.connections.remove(self)


def connections(limit: int = 2) -> tuple[Connections, list[Notice]]:
    notices: list[Notice] = []
    return Connections(limit, notices.append), notices


def test_the_one_that_waits_longest_goes_first_and_an_answer_makes_it_young() -> None:
    table, _ = connections(limit=3)
    first, second, third, fourth, fifth = (Client(table) for _ in range(5))
    assert all(table.admit(client) for client in (first, second, third))
    table.protect(first)
    table.wait(first)
    assert table.admit(fourth)
    assert table.admit(fifth)
    assert [client.endings for client in (first, second, third)] == [[], ["evicted"], ["evicted"]]
    assert len(table) == 3


def test_without_one_that_may_go_a_new_one_is_not_admitted() -> None:
    table, notices = connections()
    clients = Client(table), Client(table)
    for client in clients:
        table.admit(client)
        table.protect(client)
    assert not table.admit(Client(table))
    assert table.counts()["full"] == 1
    assert [notice.detail.split()[0] for notice in notices] == ["full"]
    table.remove(clients[0])
    assert table.admit(Client(table))


def test_what_is_released_or_removed_is_held_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbsync.listening.connections.MAX_HELD_BYTES", 100)
    table, _ = connections()
    one, other = Client(table), Client(table)
    for client in (one, other):
        table.admit(client)
    for _ in range(3):
        table.hold(one, 60)
        table.release(one)
    table.hold(one, 60)
    table.remove(one)
    table.remove(one)
    table.hold(other, 100)
    assert (one.endings, other.endings) == ([], [])
    table.hold(other, 1)
    assert other.endings == ["memory"]


def test_every_ending_is_counted_from_the_beginning_and_ordinary_ones_are_not_told() -> None:
    table, notices = connections()
    assert table.counts() == dict.fromkeys(ENDINGS, 0)
    for ending in ENDINGS:
        table.note(ending)
    assert set(table.counts().values()) == {1}
    told = [notice.detail.split()[0] for notice in notices]
    assert told == [ending for ending, text in ENDINGS.items() if text]


def test_a_copy_of_the_counts_does_not_change() -> None:
    table, _ = connections()
    before = table.counts()
    table.note("silent")
    assert before["silent"] == 0


def test_passed_deadlines_are_told_again_and_again() -> None:
    table, _ = connections()
    late, early = Client(table), Client(table, deadline=float("inf"))
    for client in (late, early):
        table.admit(client)

    async def watch() -> None:
        table.watch(asyncio.get_running_loop())
        while late.expired < 2:
            await asyncio.sleep(0.01)

    asyncio.run(watch())
    assert early.expired == 0


def test_a_lack_of_descriptors_ends_the_oldest() -> None:
    table, notices = connections(limit=100)
    clients = [Client(table) for _ in range(20)]
    for client in clients:
        table.admit(client)
    table.protect(clients[0])
    table.make_room()
    assert [bool(client.endings) for client in clients] == [False, *[True] * 16, *[False] * 3]
    assert notices[0].detail.startswith("not_accepted ")


def most_under(limit: str) -> list[int]:
    """`most_connections`, and the limit of open files after it, in a shell with this limit."""
    code = (
        "import resource; from fbsync.listening.connections import most_connections;"
        "print(most_connections(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    ended = subprocess.run(
        ["/bin/sh", "-c", f'{limit} && exec "$0" -c "$1"', sys.executable, code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return [int(word) for word in ended.stdout.split()]


@pytest.mark.parametrize(
    ("limit", "most"),
    [
        ("ulimit -n 256", [128, 256]),
        ("ulimit -n 64", [16, 64]),
        ("ulimit -Sn 100 && ulimit -Hn 1000", [872, 1000]),
    ],
)
def test_a_low_limit_of_open_files_leaves_room_for_the_rest(limit: str, most: list[int]) -> None:
    assert most_under(limit) == most


def test_a_soft_limit_is_raised_as_far_as_it_helps() -> None:
    assert most_under("ulimit -Sn 256") == [MAX_CONNECTIONS, MAX_CONNECTIONS + 128]


def test_a_high_limit_is_left_alone() -> None:
    assert most_connections() == MAX_CONNECTIONS
