"""Pages of their own in a dry run: read, and nothing else."""

from pathlib import Path

import pytest

from fbsync.errors import GraphUnavailable, PageGone
from fbsync.hallway.refresh import Outcome
from fbsync.page import PageId
from fbsync.sync.dry_look import look_at
from tests.hallway import ONE, THREE, TWO, World

FOUR = PageId("4")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_each_page_is_read_but_those_that_are_set_aside(world: World) -> None:
    world.facebook.pages[FOUR] = PageGone("It is gone since.")
    world.inbox.mark([FOUR], "sync")
    world.refresh()
    before = world.inbox.pages()
    world.facebook.pages |= {
        ONE: {"id": ONE, "name": "One"},
        TWO: PageGone("It is gone."),
        THREE: GraphUnavailable("It is busy."),
    }
    world.facebook.asked.clear()
    snapshots, failed = look_at(world.inbox, world.facebook.read_pages, [ONE, TWO, THREE, FOUR])
    assert [snapshot.page_id for snapshot in snapshots] == [ONE]
    assert failed == [
        Outcome(FOUR, "parked", reason="It is gone since."),
        Outcome(TWO, "parked", reason="It is gone."),
        Outcome(THREE, "put off", reason="It is busy."),
    ]
    assert world.facebook.asked == [[ONE, TWO, THREE]]
    assert world.inbox.pages() == before
    world.database.close()
