"""A short run of each kill loop; the long ones are `python -m tests.kill_loop --kills 300`."""

from pathlib import Path

import pytest

from tests.conftest import SERVERS_ARE_REQUIRED
from tests.kill_loop import kill_loop
from tests.servers import ServerAbsent


@pytest.mark.parametrize(
    ("target", "database"),
    [("listener", "sqlite"), ("worker", "sqlite"), ("cluster", "postgresql")],
)
def test_kills_lose_nothing_and_nobody_works_in_anothers_way(
    tmp_path: Path, target: str, database: str
) -> None:
    try:
        with kill_loop(tmp_path, target, database, page_count=60) as loop:
            result = loop.run(kills=3)
    except ServerAbsent as absent:
        if SERVERS_ARE_REQUIRED:
            raise
        pytest.skip(str(absent))
    print("\n".join(result.lines()))
    assert result.faults == []
    assert result.acknowledged > 0
    assert result.findings.versions > 0
