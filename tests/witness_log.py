"""What the witnesses of a kill loop wrote down, and what must hold in it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

TAKEOVER_SECONDS = 15.0


@dataclass(frozen=True)
class Line:
    """One line of a witness, see witness.py."""

    at: float
    process: int
    what: str
    page: str
    detail: str


@dataclass
class Hold:
    """A page in one worker's hands: from the claim to the last thing that it did to the page.

    It is held until the worker begins to end it: what a killed call did, nobody knows.
    """

    process: int
    begin: float
    last: float
    is_held: bool = True


@dataclass
class Findings:
    """`faults` must be empty; `takeovers` are the seconds from a kill to the page's next claim."""

    claims: int = 0
    versions: int = 0
    etags: dict[str, str] = field(default_factory=dict)  # of each version that was created, by key
    takeovers: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def longest_takeover(self) -> float:
        """In seconds; 0 where no page was taken over."""
        return max(self.takeovers, default=0.0)


def read_log(text: str) -> list[Line]:
    """The lines in the order of time."""
    parts = (line.split(" ") for line in text.splitlines())
    return sorted(
        (Line(float(at), int(process), *rest) for at, process, *rest in parts),
        key=lambda line: line.at,
    )


def examine(lines: Sequence[Line]) -> Findings:
    """Look at all of a loop's lines, in the order of time."""
    found = Findings()
    kills: dict[int, list[float]] = {}  # a process id is given anew after a while
    pages: dict[str, list[Hold]] = {}
    versions: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line.what == "killed":
            kills.setdefault(line.process, []).append(line.at)
        if line.page == "-":
            continue
        holds = pages.setdefault(line.page, [])
        if line.what == "claim":
            found.claims += 1
            holds.append(Hold(line.process, line.at, line.at))
            continue
        mine = next((hold for hold in reversed(holds) if hold.process == line.process), None)
        if mine is None:
            found.faults.append(f"{line} without a claim")
            continue
        if line.what == "created":
            key, _, etag = line.detail.partition("=")
            if found.etags.setdefault(key, etag) != etag:
                found.faults.append(f"{key} was created twice, with other bytes")
            continue
        if line.what not in ("finished", "gave-back"):  # written late: others may have claimed it
            if mine.is_held or line.what == "put":  # to give back what one lost does nothing
                mine.last = line.at
            mine.is_held = line.what == "put"
        if line.what == "finished" and line.detail != "-":
            found.versions += 1
            versions[line.page, line.detail] += 1
    found.faults += [f"version {key} was finished twice" for key, n in versions.items() if n > 1]
    unclear = _unclear_claims(lines)
    for page, holds in pages.items():
        _examine_page(page, holds, kills, unclear, found)
    return found


def _unclear_claims(lines: Sequence[Line]) -> list[float]:
    """When claims ended of which nobody knows what they took: it failed, or its worker died."""
    open_claims: set[int] = set()
    unclear = []
    for line in lines:
        if line.what in ("claiming", "killed") and line.process in open_claims:
            unclear.append(line.at)
        if line.what == "claiming":
            open_claims.add(line.process)
        elif line.what in ("claimed", "killed"):
            open_claims.discard(line.process)
    return unclear


def _examine_page(
    page: str,
    holds: list[Hold],
    kills: dict[int, list[float]],
    unclear: Sequence[float],
    found: Findings,
) -> None:
    for hold, following in zip(holds, holds[1:], strict=False):
        if following.begin < hold.last:
            found.faults.append(f"page {page} was in two hands at once: {hold}, {following}")
        killed = next((at for at in kills.get(hold.process, ()) if at >= hold.begin), None)
        if hold.is_held and killed is not None:
            # Whoever took it over first may have died before it could tell.
            since = max([killed, *(at for at in unclear if killed < at < following.begin)])
            found.takeovers.append(following.begin - since)
    if holds and holds[-1].is_held:
        found.faults.append(f"page {page} was taken over by nobody: {holds[-1]}")
