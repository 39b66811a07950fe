"""An answer of the Graph API, be it of a call of its own or of an item of a batch."""

import json
from dataclasses import dataclass, field
from typing import Any

NO_JSON = "<html><title>Error</title>Sorry, something went wrong.</html>"
"""What a proxy may answer in the Graph API's stead."""


@dataclass(frozen=True)
class Answer:
    """An HTTP status, a JSON value (None for a body that is no JSON), and the headers."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    plain: str = NO_JSON  # the body where it is no JSON
    is_null: bool = False  # as an item of a batch: not finished in time
    delay_seconds: float = 0.0

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return self.plain if self.body is None else json.dumps(self.body)

    @property
    def media_type(self) -> str:
        return "text/html" if self.body is None else "application/json; charset=UTF-8"
