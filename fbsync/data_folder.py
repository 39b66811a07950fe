"""Where fbsync keeps what is this machine's alone."""

from pathlib import Path

from platformdirs import user_data_path


def data_folder(app_id: str) -> Path:
    """What fbsync keeps on this machine for one Facebook app."""
    return user_data_path("fbsync", appauthor=False) / app_id
