"""The runs of bench/sync as a table, and the goals beside what was reached."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

COLUMNS = (
    *("pages", "run", "store", "Graph requests", "calls", "store requests", "seconds"),
    *("pages/s", "processor", "peak memory"),
)
OURS = ("first", "unchanged", "1 % changed")
"""The runs of `fbsync sync`; the others are its rivals'."""
_PLENTY, _FEW = 100_000, 1_000  # pages, whose peaks are compared


@dataclass(frozen=True)
class Run:
    """One run. `seconds` are those of the whole process, or of a rival's work alone.

    `requests` and `calls` are those of the Graph API, as the sandbox counts them.
    """

    pages: int
    round: int
    name: str
    store: str
    requests: int
    calls: int
    store_requests: int
    seconds: float
    processor_seconds: float
    peak_mib: float


def rows(runs: Sequence[Run]) -> list[list[str]]:
    """One row for each kind of run, with the medians of the rounds."""
    kinds = dict.fromkeys((run.pages, run.name, run.store) for run in runs)
    return [
        _row([run for run in runs if (run.pages, run.name, run.store) == kind]) for kind in kinds
    ]


def _row(alike: Sequence[Run]) -> list[str]:
    def middle(of: Callable[[Run], float]) -> float:
        return median(of(run) for run in alike)

    one, seconds = alike[0], middle(lambda run: run.seconds)
    return [
        f"{one.pages:,}",
        one.name,
        one.store or "–",
        f"{middle(lambda run: run.requests):,.0f}",
        f"{middle(lambda run: run.calls):,.0f}",
        f"{middle(lambda run: run.store_requests):,.0f}" if one.store == "bucket" else "–",
        f"{seconds:.2f} s",
        f"{one.pages / seconds:,.0f}",
        f"{middle(lambda run: run.processor_seconds):.2f} s",
        f"{middle(lambda run: run.peak_mib):.0f} MiB",
    ]


def goals(runs: Sequence[Run]) -> Iterator[str]:
    """What was reached. Each ratio is taken within its round or its pair; the median counts."""
    for pages in dict.fromkeys(run.pages for run in runs):
        some = [run for run in runs if run.pages == pages]
        quiet = [run for run in some if (run.name, run.store) == ("unchanged", "bucket")]
        yield (
            f"{pages:,} pages, unchanged: {max(run.store_requests for run in quiet)} store"
            f" requests (goal: 0), {max(run.requests for run in quiet)} Graph requests (goal:"
            f" {-(-pages // 100)}), processor time {_of_processor(some):.2f} times that of hashing"
            " (goal: at most 1.50)"
        )
        yield (
            f"{pages:,} pages, first: {_of_rate(some):.2f} of the rate of bare puts"
            " (goal: at least 0.90)"
        )
    yield from _each_further_page(runs)
    peaks = {
        pages: max(run.peak_mib for run in runs if run.pages == pages and run.name in OURS)
        for pages in (_FEW, _PLENTY)
        if any(run.pages == pages for run in runs)
    }
    if len(peaks) == 2:
        yield (
            f"peak memory: {peaks[_PLENTY] / peaks[_FEW]:.2f} times from {_FEW:,} to"
            f" {_PLENTY:,} pages (goal: at most 1.30)"
        )


def _each_further_page(runs: Sequence[Run]) -> Iterator[str]:
    """Without what a process costs at its start: between the fewest and the most pages."""
    counts = sorted({run.pages for run in runs})
    costs = {
        name: [
            median(run.processor_seconds for run in runs if (run.pages, run.name) == (pages, name))
            for pages in (counts[0], counts[-1])
        ]
        for name in ("unchanged", "hashing")
        if len(counts) > 1
    }
    if costs:
        ours, theirs = (costs[name][1] - costs[name][0] for name in ("unchanged", "hashing"))
        pages = counts[-1] - counts[0]
        yield (
            f"each of {pages:,} further pages: unchanged takes {ours / pages * 1e6:.0f} µs, which"
            f" is {ours / theirs:.2f} times the processor time of hashing (goal: at most 1.50)"
        )


def _of_processor(some: Sequence[Run]) -> float:
    ours = [run for run in some if (run.name, run.store) == ("unchanged", "bucket")]
    theirs = [run for run in some if run.name == "hashing"]
    pairs = zip(ours, theirs, strict=True)
    return median(our.processor_seconds / their.processor_seconds for our, their in pairs)


def _of_rate(some: Sequence[Run]) -> float:
    ours, theirs = _by_round(some, "first", "bucket"), _by_round(some, "puts", "bucket")
    return median(theirs[n].seconds / ours[n].seconds for n in ours)


def _by_round(some: Sequence[Run], name: str, store: str) -> dict[int, Run]:
    return {run.round: run for run in some if (run.name, run.store) == (name, store)}
