"""The grid of a table from the network's structure and the words' positions together.

The network counts rows and sees merged cells well, but loses columns and places borders badly;
the white between the words places borders well, but cannot tell a wrapped line from a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from tasks.extraction.table_geometry import column_bounds, outer_box, track_cells
from tasks.extraction.table_grid import Grid, GridCell, place_words
from tasks.extraction.table_network import NetworkTable
from tasks.extraction.table_rows import row_bounds
from tasks.extraction.table_rulings import Rulings
from tasks.extraction.table_words import Box, Word, text_lines

CUT_SHARE = 0.25
"""Share of the lines of text that a border of the network's may cut: merged cells cross it."""


def network_grid(
    table: NetworkTable, words: Sequence[Word], rulings: Rulings, box: Box, scale: float
) -> Grid | None:
    """The network's table in points of the page, or None where it says nothing of use.

    `scale` is pixels per point of the picture that the network saw, whose top left corner is
    the box's.
    """
    if table.rows < 1 or table.cols < 1 or not words:
        return None
    seen = _column_extents(table, box[0], scale)
    if seen is None:
        return None
    left, top, right, bottom = outer_box(words, box)
    borders = _with_network(column_bounds(words), seen, words)
    xs = [left, *borders, right]
    ys = row_bounds(words, xs, rulings, top, bottom, expected=table.rows)
    cells = track_cells(xs, ys, words)
    grid = Grid(len(ys) - 1, len(xs) - 1, tuple(cells), "model")
    if grid.rows != table.rows:
        return grid
    of_column = [_nearest(seen, (a + b) / 2) for a, b in pairwise(xs)]
    header_rows = max((c.row + c.row_span for c in table.cells if c.header), default=0)
    grid = grid._replace(header_rows=min(header_rows, grid.rows - 1))
    return _with_spans(grid, table, of_column, xs, ys, words)


def _column_extents(
    table: NetworkTable, offset: float, scale: float
) -> list[tuple[float, float]] | None:
    """Median left and right of each column in points; None where they are out of order."""
    extents = []
    for col in range(table.cols):
        own = [cell.box for cell in table.cells if cell.col == col and cell.col_span == 1]
        if not own:
            return None
        extents.append(
            (
                offset + median(box[0] for box in own) / scale,
                offset + median(box[2] for box in own) / scale,
            )
        )
    centres = [(a + b) / 2 for a, b in extents]
    return extents if centres == sorted(centres) else None


def _nearest(extents: Sequence[tuple[float, float]], x: float) -> int:
    return min(range(len(extents)), key=lambda i: (abs(sum(extents[i]) / 2 - x), i))


def _with_network(
    borders: Sequence[float], seen: Sequence[tuple[float, float]], words: Sequence[Word]
) -> list[float]:
    """The words' borders, and those of the network's that lie where the words show none."""
    lines = text_lines(words)
    result = list(borders)
    for (a, b), (c, d) in pairwise(seen):
        low, high = (a + b) / 2, (c + d) / 2
        if any(low < border < high for border in borders):
            continue
        best, fewest = None, CUT_SHARE * len(lines)
        marks = sorted({low, high, *(w.left for w in words), *(w.right for w in words)})
        for start, end in pairwise(mark for mark in marks if low <= mark <= high):
            x = (start + end) / 2
            cuts = sum(any(w.left < x < w.right for w in line) for line in lines)
            if cuts < fewest or (cuts == fewest and best is not None and end - start > best[1]):
                best, fewest = (x, end - start), cuts
        if best is not None:
            result.append(best[0])
    return sorted(result)


def _with_spans(
    grid: Grid,
    table: NetworkTable,
    of_column: Sequence[int],
    xs: Sequence[float],
    ys: Sequence[float],
    words: Sequence[Word],
) -> Grid:
    """`grid` with those of the network's merged cells that hold the words of one cell at most."""
    held = place_words(grid, words)
    at = {(cell.row, cell.col): index for index, cell in enumerate(grid.cells)}
    gone: set[int] = set()
    added: list[GridCell] = []
    for cell in table.cells:
        if cell.row_span == 1 and cell.col_span == 1:
            continue
        cols = [
            c for c, seen in enumerate(of_column) if cell.col <= seen < cell.col + cell.col_span
        ]
        if not cols or (cell.row_span == 1 and len(cols) == 1):
            continue
        members = {
            at[row, col]
            for row in range(cell.row, cell.row + cell.row_span)
            for col in cols
            if (row, col) in at
        }
        inside = all(
            cols[0] <= grid.cells[i].col
            and grid.cells[i].col + grid.cells[i].col_span <= cols[-1] + 1
            for i in members
        )
        full = sum(1 for i in members if held[i])
        area = sum(grid.cells[i].col_span for i in members)
        if (
            members & gone
            or not inside
            or full > 1
            or area != len(cols) * cell.row_span
            or (full == 0 and cell.row_span == 1)
        ):
            continue
        gone |= members
        box = (xs[cols[0]], ys[cell.row], xs[cols[-1] + 1], ys[cell.row + cell.row_span])
        added.append(GridCell(cell.row, cols[0], cell.row_span, len(cols), box))
    kept = [cell for index, cell in enumerate(grid.cells) if index not in gone]
    return grid._replace(cells=tuple(sorted([*kept, *added])))
