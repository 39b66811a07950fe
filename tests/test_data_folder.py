"""Where fbsync keeps what is this machine's alone."""

from pathlib import Path

from fbsync.data_folder import data_folder


def test_each_app_has_a_folder_of_its_own_in_the_persons_data() -> None:
    assert data_folder("123") == Path.home() / "fbsync" / "123"
