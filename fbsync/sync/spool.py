"""A long list of JSON values, kept in a temporary file until it is read."""

import json
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Self

IN_MEMORY_BYTES = 1_000_000


class Spool:
    """Takes values one by one; in memory only while they are few. The file ends with the block."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY_BYTES, "w+")  # noqa: SIM115 - see __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, value: object) -> None:
        """One value, as JSON."""
        self._file.write(json.dumps(value) + "\n")

    def __iter__(self) -> Iterator[object]:
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line)
