"""A checklist: what was tried, in order, and how each step ended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["done", "failed", "skipped", "warning"]


@dataclass(frozen=True)
class Step:
    """One line: what, how it ended, and the reason or the result in a sentence."""

    name: str
    state: State
    detail: str

    @property
    def ok(self) -> bool:
        """False only where the step was tried and failed."""
        return self.state != "failed"


class Checklist:
    """Steps so far; each is shown as soon as it is known."""

    def __init__(self, show: Callable[[Step], None]) -> None:
        self._show = show
        self.steps: list[Step] = []

    def add(self, name: str, state: State, detail: str) -> None:
        """Append a step and show it."""
        step = Step(name, state, detail)
        self.steps.append(step)
        self._show(step)

    @property
    def ok(self) -> bool:
        """True where no step failed."""
        return all(step.ok for step in self.steps)

    def as_json(self) -> list[dict[str, object]]:
        """The steps, as the commands with --json print them."""
        return [
            {"name": step.name, "ok": step.ok, "state": step.state, "detail": step.detail}
            for step in self.steps
        ]
