"""The grid of a table from where its words stand: lines make rows, strips of white make columns."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from statistics import median

from tasks.extraction.table_grid import Grid, GridCell
from tasks.extraction.table_rulings import Rulings
from tasks.extraction.table_words import (
    MIN_GUTTER,
    SHORT_BLOCK_LINES,
    Box,
    Word,
    gutters,
    is_running_text,
    text_lines,
    word_height,
)

__all__ = ["Word", "column_bounds", "is_running_text", "row_bounds", "track_cells", "word_grid"]

FULL_WIDTH = 0.8
"""Share of the table's width that a horizontal line must reach to part rows."""


def word_grid(words: Sequence[Word], rulings: Rulings, box: Box) -> Grid:
    """Rows, columns and merged cells by the words' positions; at least one cell, always."""
    xs = column_bounds(words, box)
    ys = row_bounds(words, xs, rulings, box)
    return Grid(len(ys) - 1, len(xs) - 1, tuple(track_cells(xs, ys, words)), "words")


def column_bounds(words: Sequence[Word], box: Box) -> list[float]:
    """x of every column's border, the outer two included."""
    lines = text_lines(words)
    widest = MIN_GUTTER if len(lines) >= SHORT_BLOCK_LINES else 2 * MIN_GUTTER
    found = gutters(lines, widest * word_height(words))
    inner = [(start + end) / 2 for start, end in found]
    return [_outer(box[0], words, "left"), *inner, _outer(box[2], words, "right")]


def row_bounds(
    words: Sequence[Word], xs: Sequence[float], rulings: Rulings, box: Box
) -> list[float]:
    """y of every row's border, the outer two included.

    Lines drawn across the table part rows where there are enough of them. Elsewhere a line of
    text opens a row, unless it continues the one above: see `_continues`.
    """
    top, bottom = _outer(box[1], words, "top"), _outer(box[3], words, "bottom")
    lines = text_lines(words)
    if not lines:
        return [top, bottom]
    width = xs[-1] - xs[0]
    drawn = [
        line.position
        for line in rulings.horizontal
        if line.coverage(xs[0], xs[-1]) * width >= FULL_WIDTH * width
    ]
    bands = [top, *(y for y in drawn if top + 2 < y < bottom - 2), bottom]
    held = [0] * (len(bands) - 1)
    for line in lines:
        centre = median(word.y for word in line)
        held[min(len(held) - 1, max(0, bisect_right(bands, centre) - 1))] += 1
    if len([count for count in held if count]) >= 4 and max(held) <= 4:
        keep = [bands[0]]
        for index, count in enumerate(held):
            if count:
                keep.append(bands[index + 1])
        return [*keep[:-1], bottom]
    rows: list[list[list[Word]]] = []
    step = _row_step(lines)
    for line in lines:
        if rows and _continues(line, rows[-1], xs, step):
            rows[-1].append(line)
        else:
            rows.append([line])
    bounds = [top]
    for above, below in itertools.pairwise(rows):
        end = median(word.bottom for word in above[-1])
        start = median(word.top for word in below[0])
        bounds.append((end + start) / 2)
    return [*bounds, bottom]


def _row_step(lines: Sequence[Sequence[Word]]) -> float:
    """The usual distance between the baselines of neighbouring lines, in points."""
    bases = [median(word.bottom for word in line) for line in lines]
    steps = [b - a for a, b in itertools.pairwise(bases)]
    return median(steps) if steps else 0.0


def _continues(
    line: Sequence[Word], row: Sequence[Sequence[Word]], xs: Sequence[float], step: float
) -> bool:
    """Whether a line belongs to the row above: close to it, and with nothing in the first column.

    The cells of a new row begin at the left; a cell that wraps goes on in its own column only.
    """
    filled = {_track(xs, word.x) for word in line}
    above = {_track(xs, word.x) for part in row for word in part}
    base = median(word.bottom for word in line)
    last = median(word.bottom for word in row[-1])
    close = base - last < max(0.92 * step, 1.45 * word_height(line))
    columns = len(xs) - 1
    if 0 in filled and len(filled) > 1:
        return False
    return close and filled <= above and len(filled) <= max(1, columns // 2)


def track_cells(xs: Sequence[float], ys: Sequence[float], words: Sequence[Word]) -> list[GridCell]:
    """A cell for each row and column; cells that one run of words bridges are merged."""
    cols, rows = len(xs) - 1, len(ys) - 1
    unit = word_height(words)
    in_row: list[list[Word]] = [[] for _ in range(rows)]
    for word in words:
        in_row[_track(ys, word.y)].append(word)
    cells = []
    for row, members in enumerate(in_row):
        bridged = [False] * cols  # bridged[c]: column c and the one before it are one cell
        for line in text_lines(members):
            for left, right in _runs(line, MIN_GUTTER * unit):
                for col in range(1, cols):
                    if left < xs[col] - 0.5 * unit and right > xs[col] + 0.5 * unit:
                        bridged[col] = True
        col = 0
        while col < cols:
            span = 1
            while col + span < cols and bridged[col + span]:
                span += 1
            box = (xs[col], ys[row], xs[col + span], ys[row + 1])
            cells.append(GridCell(row, col, 1, span, box))
            col += span
    return cells


def _runs(line: Sequence[Word], gap: float) -> list[tuple[float, float]]:
    runs: list[tuple[float, float]] = []
    for word in line:
        if runs and word.left - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], max(runs[-1][1], word.right))
        else:
            runs.append((word.left, word.right))
    return runs


def _track(bounds: Sequence[float], position: float) -> int:
    return min(len(bounds) - 2, max(0, bisect_right(bounds, position) - 1))


def _outer(edge: float, words: Sequence[Word], side: str) -> float:
    """The box's edge, moved outwards where words reach over it."""
    values = [getattr(word, side) for word in words]
    if not values:
        return edge
    return min(edge, *values) if side in ("left", "top") else max(edge, *values)
