"""The grid of a table from the network's structure, its borders moved to where no word stands."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median

from tasks.extraction.table_grid import Grid, GridCell
from tasks.extraction.table_network import NetworkTable
from tasks.extraction.table_words import Box, Word


def network_grid(table: NetworkTable, words: Sequence[Word], box: Box, scale: float) -> Grid | None:
    """The network's table in points of the page, or None where it does not fit the words.

    `scale` is pixels per point of the picture that the network saw, whose top left corner is
    the box's.
    """
    if table.rows < 1 or table.cols < 1 or not words:
        return None
    boxes = [
        (
            box[0] + cell.box[0] / scale,
            box[1] + cell.box[1] / scale,
            box[0] + cell.box[2] / scale,
            box[1] + cell.box[3] / scale,
        )
        for cell in table.cells
    ]
    rows = _extents(
        [(c.row, b[1], b[3]) for c, b in zip(table.cells, boxes, strict=True) if c.row_span == 1],
        table.rows,
    )
    cols = _extents(
        [(c.col, b[0], b[2]) for c, b in zip(table.cells, boxes, strict=True) if c.col_span == 1],
        table.cols,
    )
    if rows is None or cols is None:
        return None
    ys = _borders(rows, box[1], box[3], [(w.top, w.bottom) for w in words])
    xs = _borders(cols, box[0], box[2], [(w.left, w.right) for w in words])
    cells = tuple(
        GridCell(
            c.row,
            c.col,
            c.row_span,
            c.col_span,
            (xs[c.col], ys[c.row], xs[c.col + c.col_span], ys[c.row + c.row_span]),
        )
        for c in table.cells
    )
    return Grid(table.rows, table.cols, cells, "model")


def _extents(
    parts: Sequence[tuple[int, float, float]], count: int
) -> list[tuple[float, float]] | None:
    """Median start and end of each row or column; None where one is unknown or they disagree."""
    extents = []
    for index in range(count):
        own = [(start, end) for number, start, end in parts if number == index]
        if not own:
            return None
        extents.append((median(a for a, _ in own), median(b for _, b in own)))
    centres = [(a + b) / 2 for a, b in extents]
    return extents if centres == sorted(centres) else None


def _borders(
    extents: Sequence[tuple[float, float]],
    first: float,
    last: float,
    spans: Sequence[tuple[float, float]],
) -> list[float]:
    """Borders between neighbours: where the fewest words are cut, nearest to the middle."""
    borders = [first]
    for (a, b), (c, d) in itertools.pairwise(extents):
        low, high = (a + b) / 2, (c + d) / 2
        middle = min(max((b + c) / 2, low), high)
        inner = [(s, e) for s, e in spans if e > low and s < high]
        marks = sorted({low, high, *(v for span in inner for v in span if low < v < high)})
        best, best_key = middle, (len(inner) + 1, 0.0)
        for start, end in itertools.pairwise(marks):
            point = min(max(middle, start), end)
            cut = sum(s < (start + end) / 2 < e for s, e in inner)
            key = (cut, abs(point - middle))
            if key < best_key:
                best, best_key = (start + end) / 2 if cut == 0 else point, key
        borders.append(best)
    return [*borders, last]
