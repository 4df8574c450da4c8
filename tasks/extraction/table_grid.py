"""The grid that every engine of tables answers with, and the words put into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tasks.extraction.table_words import Box, Word, text_lines


class GridCell(NamedTuple):
    """A cell: where it starts, how far it spans, and its box in points, top-left origin."""

    row: int
    col: int
    row_span: int
    col_span: int
    box: Box


class Grid(NamedTuple):
    """A table's structure. `source` says who found it: rulings, model or words.

    `header_rows` is 0 until somebody knows.
    """

    rows: int
    cols: int
    cells: tuple[GridCell, ...]
    source: str
    header_rows: int = 0


def place_words(grid: Grid, words: Sequence[Word]) -> list[list[Word]]:
    """The words of each cell, in the order of `grid.cells`. No word is lost.

    A word goes to the cell that holds most of its area; where it touches none, to the nearest.
    """
    placed: list[list[Word]] = [[] for _ in grid.cells]
    if not grid.cells:
        return placed
    for word in words:
        placed[_best_cell(grid.cells, word)].append(word)
    return placed


def _best_cell(cells: Sequence[GridCell], word: Word) -> int:
    best, best_key = 0, (0.0, float("inf"))
    for index, cell in enumerate(cells):
        left, top, right, bottom = cell.box
        width = min(right, word.right) - max(left, word.left)
        height = min(bottom, word.bottom) - max(top, word.top)
        overlap = max(0.0, width) * max(0.0, height)
        away_x = max(left - word.x, 0.0, word.x - right)
        away_y = max(top - word.y, 0.0, word.y - bottom)
        # Rows are closer together than columns, so a miss in height weighs more.
        distance = away_x + 2 * away_y
        if overlap > best_key[0] or (overlap == best_key[0] and distance < best_key[1]):
            best, best_key = index, (overlap, distance)
    return best


def cell_text(words: Sequence[Word]) -> str:
    """The words as one line of text: Chinese runs on, everything else is parted by a space."""
    text = ""
    for line in text_lines(words):
        for word in line:
            part = " ".join(word.text.split())
            if not part:
                continue
            glued = text and _is_cjk(text[-1]) and _is_cjk(part[0])
            text += part if not text or glued else f" {part}"
    return text


def _is_cjk(char: str) -> bool:
    """Han characters, kana and the full-width punctuation that stands between them."""
    code = ord(char)
    return (
        0x2E80 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0xFE30 <= code <= 0xFE4F
        or 0xFF00 <= code <= 0xFFEF
        or 0x20000 <= code <= 0x3FFFF
    )


def without_empty_tracks(grid: Grid, words: Sequence[Word]) -> Grid:
    """`grid` less the rows and columns in which no cell with words starts."""
    filled = [
        cell for cell, members in zip(grid.cells, place_words(grid, words), strict=True) if members
    ]
    rows, cols = {cell.row for cell in filled}, {cell.col for cell in filled}
    keep_rows, keep_cols = sorted(rows), sorted(cols)
    if len(keep_rows) == grid.rows and len(keep_cols) == grid.cols:
        return grid
    cells = []
    for cell in grid.cells:
        in_rows = [r for r in keep_rows if cell.row <= r < cell.row + cell.row_span]
        in_cols = [c for c in keep_cols if cell.col <= c < cell.col + cell.col_span]
        if in_rows and in_cols:
            start = (keep_rows.index(in_rows[0]), keep_cols.index(in_cols[0]))
            cells.append(GridCell(*start, len(in_rows), len(in_cols), cell.box))
    header = sum(1 for r in keep_rows if r < grid.header_rows)
    return Grid(len(keep_rows), len(keep_cols), tuple(cells), grid.source, header)
