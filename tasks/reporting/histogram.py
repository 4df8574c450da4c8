"""A histogram of lengths by language, with borders at round numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import count

from pydantic import Field

from tasks.records import Record

MAXIMUM_BINS = 12


class Histogram(Record):
    """Counts in bins of equal width: bin i holds lengths from edges[i] to below edges[i + 1]."""

    edges: tuple[int, ...] = Field(default=(), description="bins + 1 borders; empty without data")
    series: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    minimum: int = 0
    median: int = 0
    percentile_95: int = 0
    maximum: int = 0

    @property
    def totals(self) -> tuple[int, ...]:
        """All series added up, a number a bin."""
        return tuple(map(sum, zip(*self.series.values(), strict=True)))


def histogram(lengths: Mapping[str, Counter[int]]) -> Histogram:
    """Sort counted lengths (series -> length -> how many) into at most 12 bins."""
    every: Counter[int] = Counter()
    for counts in lengths.values():
        every.update(counts)
    if not every:
        return Histogram()
    longest = max(every)
    width = _round_width(longest + 1)
    bins = longest // width + 1
    return Histogram(
        edges=tuple(width * i for i in range(bins + 1)),
        series={name: _binned(counts, width, bins) for name, counts in lengths.items()},
        minimum=min(every),
        median=_percentile(every, 50),
        percentile_95=_percentile(every, 95),
        maximum=longest,
    )


def _round_width(span: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that covers `span` in at most 12 bins."""
    for power in count():
        for factor in (1, 2, 5):
            width = factor * 10**power
            if width * MAXIMUM_BINS >= span:
                return width
    raise AssertionError("unreachable: widths grow without end")


def _binned(counts: Counter[int], width: int, bins: int) -> tuple[int, ...]:
    totals = [0] * bins
    for length, many in counts.items():
        totals[length // width] += many
    return tuple(totals)


def _percentile(counts: Counter[int], percent: int) -> int:
    """The nearest-rank percentile: the smallest length that `percent` % do not exceed."""
    rank = max(1, -(-counts.total() * percent // 100))
    seen = 0
    for length in sorted(counts):
        seen += counts[length]
        if seen >= rank:
            return length
    raise AssertionError("unreachable: the rank is at most the total")
