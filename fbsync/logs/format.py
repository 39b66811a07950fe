"""How a long-running command writes its log: `--log-format`."""

from enum import StrEnum


class LogFormat(StrEnum):
    """Lines for people, or one JSON object a line for programs."""

    TEXT = "text"
    JSON = "json"
