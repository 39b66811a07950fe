"""Where fbsync keeps what is this machine's alone."""

from pathlib import Path


def data_folder(app_id: str) -> Path:
    """What fbsync keeps on this machine for one Facebook app."""
    from platformdirs import user_data_path  # most name a folder or a database of their own

    return user_data_path("fbsync", appauthor=False) / app_id
