"""The grid of a table that is drawn: its ruling lines say where cells end and which are merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tasks.extraction.table_geometry import track_cells
from tasks.extraction.table_grid import Grid, GridCell, place_words
from tasks.extraction.table_rulings import Ruling, Rulings
from tasks.extraction.table_words import Box, Word, text_lines, word_height

DRAWN = 0.6
"""Share of a cell's side that must be drawn for the side to be there."""
MIN_COLUMN_LINE, MIN_ROW_LINE = 0.25, 0.1
"""Least share of the table's height, or width, that a line of its grid is drawn for.

A line between columns is missing in merged cells only; one between rows may be there for the
sake of a single column.
"""
WORDS_INSIDE = 0.9
"""Share of the words that the drawn grid must hold to be the grid of this table."""


def ruled_grid(rulings: Rulings, words: Sequence[Word], box: Box) -> Grid | None:
    """The drawn grid, or None where the lines do not part both rows and columns."""
    unit = word_height(words)
    rulings = Rulings(
        _long(rulings.horizontal, MIN_ROW_LINE, box[2] - box[0]),
        _long(rulings.vertical, MIN_COLUMN_LINE, box[3] - box[1]),
    )
    ys = [line.position for line in rulings.horizontal]
    xs = [line.position for line in rulings.vertical]
    if not xs or not ys:
        return None
    # A grid that is open at its sides ends where the lines of the other direction end.
    xs = _with_ends(xs, rulings.horizontal, unit)
    ys = _with_ends(ys, rulings.vertical, unit)
    xs, ys = _apart(xs, 0.4 * unit), _apart(ys, 0.4 * unit)
    rows, cols = len(ys) - 1, len(xs) - 1
    if rows < 1 or cols < 2 or rows * cols < 4:
        return None
    inside = sum(xs[0] <= w.x <= xs[-1] and ys[0] <= w.y <= ys[-1] for w in words)
    if inside < WORDS_INSIDE * len(words):
        return None
    horizontal = _side(rulings.horizontal, ys)

    def parts_rows(index: int, start: float, end: float) -> bool:
        # A stripe may end behind the text of a cell that spans two rows.
        return horizontal(index, start, end) and not any(
            word.top + 0.35 * word.height < ys[index] < word.bottom - 0.35 * word.height
            and start <= word.x <= end
            for word in words
        )

    cells = _merged_cells(rows, cols, xs, ys, _side(rulings.vertical, xs), parts_rows)
    grid = Grid(rows, cols, tuple(_split_undrawn(cells, xs, words)), "rulings")
    if len(cells) < 4 or _rows_unparted(grid, words):
        return None
    return grid


def _long(lines: Sequence[Ruling], share: float, of: float) -> tuple[Ruling, ...]:
    return tuple(line for line in lines if sum(b - a for a, b in line.pieces) >= share * of)


def _with_ends(positions: Sequence[float], crossing: Sequence[Ruling], unit: float) -> list[float]:
    if not crossing:
        return sorted(positions)
    found = list(positions)
    first, last = min(line.start for line in crossing), max(line.end for line in crossing)
    if not found or first < min(found) - unit:
        found.append(first)
    if not found or last > max(found) + unit:
        found.append(last)
    return sorted(found)


def _apart(positions: Sequence[float], least: float) -> list[float]:
    """Double lines count as one."""
    kept: list[float] = []
    for position in positions:
        if not kept or position - kept[-1] >= least:
            kept.append(position)
    return kept


def _side(
    lines: Sequence[Ruling], positions: Sequence[float]
) -> Callable[[int, float, float], bool]:
    """Whether the line number `i` of the grid is drawn between two points."""

    def drawn(index: int, start: float, end: float) -> bool:
        near = [line for line in lines if abs(line.position - positions[index]) <= 2.5]
        # Crossings are cut short by a pixel or two on either side.
        return any(line.coverage(start + 1, end - 1) >= DRAWN for line in near)

    return drawn


def _merged_cells(
    rows: int,
    cols: int,
    xs: Sequence[float],
    ys: Sequence[float],
    vertical: Callable[[int, float, float], bool],
    horizontal: Callable[[int, float, float], bool],
) -> list[GridCell]:
    """Cells grown from each free square to the right, then down, while no line stands between."""
    taken = [[False] * cols for _ in range(rows)]
    cells = []
    for row in range(rows):
        for col in range(cols):
            if taken[row][col]:
                continue
            width = 1
            while (
                col + width < cols
                and not taken[row][col + width]
                and not vertical(col + width, ys[row], ys[row + 1])
            ):
                width += 1
            height = 1
            while row + height < rows and _joins(
                row + height, col, width, xs, ys, vertical, horizontal, taken
            ):
                height += 1
            for r in range(row, row + height):
                for c in range(col, col + width):
                    taken[r][c] = True
            box = (xs[col], ys[row], xs[col + width], ys[row + height])
            cells.append(GridCell(row, col, height, width, box))
    return cells


def _joins(
    row: int,
    col: int,
    width: int,
    xs: Sequence[float],
    ys: Sequence[float],
    vertical: Callable[[int, float, float], bool],
    horizontal: Callable[[int, float, float], bool],
    taken: Sequence[Sequence[bool]],
) -> bool:
    """Whether the squares of `row` under a cell belong to it: no line above, none between them."""
    if any(taken[row][c] for c in range(col, col + width)):
        return False
    if any(horizontal(row, xs[c], xs[c + 1]) for c in range(col, col + width)):
        return False
    return not any(vertical(c, ys[row], ys[row + 1]) for c in range(col + 1, col + width))


def _split_undrawn(
    cells: Sequence[GridCell], xs: Sequence[float], words: Sequence[Word]
) -> list[GridCell]:
    """Wide cells whose words stand in columns of their own, parted after all.

    Lines in the colour of a header's fill cannot be seen.
    """
    grid = Grid(0, 0, tuple(cells), "rulings")
    result = []
    for cell, members in zip(cells, place_words(grid, words), strict=True):
        parts: list[GridCell] = []
        if cell.col_span > 1 and members:
            borders = xs[cell.col : cell.col + cell.col_span + 1]
            parts = track_cells(borders, (cell.box[1], cell.box[3]), members)
            held = place_words(Grid(1, cell.col_span, tuple(parts), "words"), members)
            if sum(map(bool, held)) < max(2, (len(parts) + 1) // 2):
                parts = []
        result += [
            GridCell(cell.row, cell.col + part.col, cell.row_span, part.col_span, part.box)
            for part in parts
        ] or [cell]
    return result


def _rows_unparted(grid: Grid, words: Sequence[Word]) -> bool:
    """Whether the body is one drawn band whose columns hold many lines side by side.

    Such a table has lines between its columns and under its header only.
    """
    if grid.rows > 4:
        return False
    per_row: dict[int, list[int]] = {}
    for cell, members in zip(grid.cells, place_words(grid, words), strict=True):
        if members and cell.row_span == 1:
            per_row.setdefault(cell.row, []).append(len(text_lines(members)))
    for counts in per_row.values():
        most = max(counts)
        if most >= 4 and sum(count >= 0.7 * most for count in counts) >= max(2, len(counts) - 1):
            return True
    return False
