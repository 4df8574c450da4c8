"""Rows of a table from its lines of text, the lines drawn across it and the network's count."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from tasks.extraction.table_rulings import Rulings
from tasks.extraction.table_words import Word, text_lines

LEADING = 1.45
"""Largest distance of two baselines of one paragraph, in heights of a word."""
FULL_WIDTH = 0.8
"""Share of the table's width that a horizontal line must reach to part rows."""
MIN_BANDS = 4
"""A table with fewer drawn bands has lines around its header and total only."""


class _Line(NamedTuple):
    """A line of text: the columns in which it has words, its top and its bottom."""

    columns: frozenset[int]
    top: float
    bottom: float

    @property
    def y(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return max(1.0, self.bottom - self.top)


def track_of(bounds: Sequence[float], position: float) -> int:
    """Number of the row or column between `bounds` that holds a position; the outer ones beyond."""
    return min(len(bounds) - 2, max(0, bisect_right(bounds, position) - 1))


def row_bounds(
    words: Sequence[Word],
    xs: Sequence[float],
    rulings: Rulings,
    top: float,
    bottom: float,
    expected: int | None = None,
) -> list[float]:
    """y of every row's border, the outer two included.

    `expected` is the number of rows that a model saw: it is believed where the white between
    the lines of text agrees.
    """
    lines = _lines(words, xs)
    if not lines:
        return [top, bottom]
    width = xs[-1] - xs[0]
    drawn = [
        line.position
        for line in rulings.horizontal
        if line.coverage(xs[0], xs[-1]) * width >= FULL_WIDTH * width
        and top + 2 < line.position < bottom - 2
    ]
    bands = [top, *drawn, bottom]
    held: list[list[_Line]] = [[] for _ in bands[1:]]
    for line in lines:
        held[track_of(bands, line.y)].append(line)
    filled = [band for band in held if band]
    lines = [line for line in lines if not _is_label(line, lines)] or lines
    if len(filled) == expected and len(filled) >= MIN_BANDS:
        rows = filled
    elif expected is not None and (cut := _cut(lines, expected)) is not None:
        rows = cut
    elif len(filled) >= MIN_BANDS and len(filled) >= 0.4 * len(lines):
        rows = [row for band in filled for row in _grouped(band, _wraps)]
    else:
        rows = _grouped(lines, _continues)
    bounds = [top]
    for above, below in pairwise(rows):
        end, start = max(line.bottom for line in above), min(line.top for line in below)
        between = [y for y in drawn if min(start, end) - 3 <= y <= max(start, end) + 3]
        bounds.append(between[0] if between else (end + start) / 2)
    return [*bounds, bottom]


def _lines(words: Sequence[Word], xs: Sequence[float]) -> list[_Line]:
    return [
        _Line(
            frozenset(track_of(xs, word.x) for word in line),
            median(word.top for word in line),
            median(word.bottom for word in line),
        )
        for line in text_lines(words)
    ]


def _is_label(line: _Line, lines: Sequence[_Line]) -> bool:
    """Whether a line stands beside two rows, in the middle of a cell that spans them.

    It reaches up and down to fuller lines that leave its columns free.
    """
    if len(line.columns) > 2:
        return False
    above = [o for o in lines if o is not line and 0 < line.y - o.y < 1.3 * line.height]
    below = [o for o in lines if o is not line and 0 < o.y - line.y < 1.3 * line.height]
    if not above or not below:
        return False
    upper, lower = above[-1], below[0]
    fuller = min(len(upper.columns), len(lower.columns)) > len(line.columns)
    apart = not line.columns & (upper.columns | lower.columns)
    centred = abs((line.y - upper.y) - (lower.y - line.y)) < 0.35 * line.height
    return fuller and apart and centred


def _cut(lines: Sequence[_Line], count: int) -> list[list[_Line]] | None:
    """The lines in `count` rows, parted at the widest white; None where that is arbitrary."""
    if count < 1 or count > len(lines):
        return None
    # Lines of one row may overlap: cells are set at the middle of their row.
    gaps = [
        (below.top - max(line.bottom for line in lines[: index + 1]), index)
        for index, (_, below) in enumerate(pairwise(lines))
    ]
    ordered = sorted(gaps, key=lambda gap: (-gap[0], gap[1]))
    chosen, left = ordered[: count - 1], ordered[count - 1 :]
    if chosen and left:
        height = median(line.height for line in lines)
        narrowest, widest = chosen[-1][0], left[0][0]
        if narrowest - widest < 0.06 * height:
            return None
    rows: list[list[_Line]] = [[]]
    ends = {index for _, index in chosen}
    for index, line in enumerate(lines):
        rows[-1].append(line)
        if index in ends:
            rows.append([])
    return rows


def _grouped(
    lines: Sequence[_Line], joins: Callable[[_Line, Sequence[_Line], float], bool]
) -> list[list[_Line]]:
    first = [line for line in lines if 0 in line.columns]
    steps = [below.bottom - above.bottom for above, below in pairwise(first)]
    step = median(steps) if steps else 0.0
    rows: list[list[_Line]] = []
    for line in lines:
        if rows and joins(line, rows[-1], step):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _continues(line: _Line, row: Sequence[_Line], step: float) -> bool:
    """Whether a line belongs to the row above, with nothing drawn between rows.

    The cells of a new row begin at the left; a cell that wraps goes on in its own column only.
    Lines that overlap in height are one row in any case. `step` is the usual distance of rows.
    """
    last = row[-1]
    if line.top < last.bottom - 0.25 * line.height:
        return True
    above = frozenset[int]().union(*(part.columns for part in row))
    distance = line.bottom - last.bottom
    if not line.columns <= above or distance > 2 * line.height:
        return False
    if 0 in line.columns:
        # Part of the row only: a wrapped cell, set clearly closer than rows are.
        return len(line.columns) < len(above) and distance < min(0.8 * step, LEADING * line.height)
    return distance < max(0.92 * step, LEADING * line.height * (len(line.columns) == 1))


def _wraps(line: _Line, row: Sequence[_Line], step: float) -> bool:
    """Whether two lines between two drawn ones are one row: close, or partly filled."""
    last = row[-1]
    alike = 0 in line.columns and len(line.columns) > 1 and line.columns == last.columns
    return not alike or line.bottom - last.bottom < LEADING * line.height
