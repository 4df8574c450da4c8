"""The grid of a table from where its words stand: lines make rows, strips of white make columns."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.extraction.table_grid import Grid, GridCell
from tasks.extraction.table_rows import row_bounds, track_of
from tasks.extraction.table_rulings import Rulings
from tasks.extraction.table_words import (
    CROSSING_SHARE,
    MIN_GUTTER,
    SHORT_BLOCK_LINES,
    Box,
    Word,
    gutters,
    is_running_text,
    min_gutter,
    text_lines,
    word_height,
)

__all__ = ["Word", "column_bounds", "is_running_text", "outer_box", "track_cells", "word_grid"]


def word_grid(words: Sequence[Word], rulings: Rulings, box: Box) -> Grid:
    """Rows, columns and merged cells by the words' positions; at least one cell, always."""
    left, top, right, bottom = outer_box(words, box)
    xs = [left, *column_bounds(words), right]
    ys = row_bounds(words, xs, rulings, top, bottom)
    return Grid(len(ys) - 1, len(xs) - 1, tuple(track_cells(xs, ys, words)), "words")


def outer_box(words: Sequence[Word], box: Box) -> Box:
    """`box`, widened where words reach over it."""
    return (
        min([box[0], *(word.left for word in words)]),
        min([box[1], *(word.top for word in words)]),
        max([box[2], *(word.right for word in words)]),
        max([box[3], *(word.bottom for word in words)]),
    )


def column_bounds(words: Sequence[Word]) -> list[float]:
    """x of the borders between columns.

    A border runs through the middle of a strip of white. A single line of text may stand in it
    (the total of a bill, a title over two columns): the border goes through that text, and so
    its cell spans both columns.
    """
    lines = text_lines(words)
    least = min_gutter(lines) * word_height(words)
    share = max(CROSSING_SHARE, 1 / len(lines)) if len(lines) >= SHORT_BLOCK_LINES else 0.0
    borders = []
    for start, end in gutters(lines, least, share):
        among = sorted((w.left, w.right) for w in words if w.left < end and w.right > start)
        edges = [start, *(edge for span in among for edge in span), end]
        white = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= least]
        if len(white) == 1:
            borders.append(sum(white[0]) / 2)
        elif len(white) > 1:
            borders.append((white[0][1] + white[-1][0]) / 2)
        else:
            borders.append((start + end) / 2)
    return borders


def track_cells(xs: Sequence[float], ys: Sequence[float], words: Sequence[Word]) -> list[GridCell]:
    """A cell for each row and column; cells that one run of words bridges are merged."""
    cols, rows = len(xs) - 1, len(ys) - 1
    unit = word_height(words)
    in_row: list[list[Word]] = [[] for _ in range(rows)]
    for word in words:
        in_row[track_of(ys, word.y)].append(word)
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
