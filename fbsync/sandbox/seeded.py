"""Faults chosen by a seed: the same for the same seed, in whatever order the calls come.

Each decision is a keyed hash of the seed, what is asked for, and how often it was asked before. So
a fault hits the same item at most twice in a row, and a client that asks again gets through; only
expired tokens and the retired field stay.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

RATES = {
    "throttle": 0.02,
    "transient": 0.02,
    "null": 0.02,
    "expired": 0.01,
    "empty_part": 1.0,
    "retired_field": 1.0,
}
"""The default rates."""

MEANINGS = {
    "throttle": "share of pages' calls refused with code 80001 and 0 minutes to wait",
    "transient": "share of calls that get code 2",
    "null": "share of batch items that are null; a call of its own gets a 502 without JSON",
    "expired": "share of pages whose tokens are expired (190/463) for good: one in each 100",
    "empty_part": "whether a later part of /me/accounts is empty (0 or 1)",
    "retired_field": "whether a page field is retired for good: code 12 or 100 (0 or 1)",
}

# Optional fields that clients commonly ask for.
_RETIRABLE = ("about", "emails", "hours", "link", "phone", "single_line_address", "website")
_MOST_IN_A_ROW = 2
_PASSING = ("throttle", "transient", "null")


@dataclass
class SeededFaults:
    """The faults of one seed. `asked`: calls for each thing, and faults in a row at its end."""

    seed: int
    rates: dict[str, float]
    asked: dict[str, tuple[int, int]] = field(default_factory=dict)

    def passing(self, what: str) -> str | None:
        """Whether this call for `what` gets a fault that passes, and which."""
        number, in_a_row = self.asked.get(what, (0, 0))
        kind = self._drawn(what, number) if in_a_row < _MOST_IN_A_ROW else None
        self.asked[what] = (number + 1, in_a_row + 1 if kind else 0)
        return kind

    def is_expired(self, page_number: int) -> bool:
        """Whether the tokens of the page with this number are: one in each block of pages."""
        if not self.rates["expired"]:
            return False
        size = max(1, round(1 / self.rates["expired"]))
        block, place = divmod(page_number, size)
        return place == int(self._share("expired", block) * size)

    def empty_part_at(self, count: int) -> int | None:
        """The item, in the later half of a list of so many, whose part is empty at first."""
        if not self.rates["empty_part"]:
            return None
        return count // 2 + int(self._share("empty_part") * (count - count // 2))

    def retired_field(self) -> str | None:
        """The page field that is retired."""
        if not self.rates["retired_field"]:
            return None
        return _RETIRABLE[int(self._share("retired_field") * len(_RETIRABLE))]

    @property
    def has_forgotten(self) -> bool:
        """Whether the retired field is refused as unknown (100), not as deprecated (12)."""
        return self._share("retired_code") < 0.5

    def _drawn(self, what: str, number: int) -> str | None:
        share = self._share("passing", what, number)
        for kind in _PASSING:
            share -= self.rates[kind]
            if share < 0:
                return kind
        return None

    def _share(self, *key: object) -> float:
        """A number from 0 up to 1 that depends on the seed and the key alone."""
        text = "\n".join(map(str, (self.seed, *key)))
        digest = hashlib.blake2b(text.encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / 2**48


def seeded_faults(seed: object, rates: object = None) -> SeededFaults:
    """With some of the rates given. Raises ValueError that names the mistake."""
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ValueError("seed is a whole number")
    if rates is not None and not isinstance(rates, Mapping):
        raise ValueError("rates is an object")
    found = dict(RATES)
    for name, value in (rates or {}).items():
        if name not in found:
            raise ValueError(f"the rates are: {', '.join(found)}")
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(f"{name} is between 0 and 1")
        found[name] = float(value)
    return SeededFaults(seed, found)
