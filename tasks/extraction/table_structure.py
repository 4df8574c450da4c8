"""Which of three readings of a table counts: its drawn lines, the network's, or its words'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.extraction.table_geometry import word_grid
from tasks.extraction.table_grid import Grid, GridCell, without_empty_tracks
from tasks.extraction.table_model import network_grid
from tasks.extraction.table_ruled import ruled_grid
from tasks.extraction.table_rulings import Rulings, find_rulings
from tasks.extraction.table_words import Box, Word

if TYPE_CHECKING:
    import numpy as np

    from tasks.extraction.table_network import TableNetwork


def table_grid(
    words: Sequence[Word],
    picture: np.ndarray | None,
    box: Box,
    scale: float,
    network: TableNetwork | None,
) -> Grid:
    """The structure of one table.

    `picture` is H x W x 3 uint8 RGB of `box` (points, top-left origin) at `scale` pixels per
    point. Without a picture or a network the words decide alone. Never empty: a table that
    nothing can be said about is one cell.
    """
    rulings = Rulings()
    if picture is not None:
        grey = picture.mean(axis=2).astype("uint8")
        rulings = find_rulings(grey, scale, (box[0], box[1]), words)
    grid = ruled_grid(rulings, words, box)
    if grid is None and network is not None and picture is not None:
        grid = network_grid(network.predict(picture), words, rulings, box, scale)
    if grid is None:
        grid = word_grid(words, rulings, box)
    if words:
        grid = without_empty_tracks(grid, words)
    if not grid.cells:
        grid = Grid(1, 1, (GridCell(0, 0, 1, 1, box),), "words")
    return grid._replace(header_rows=_header_rows(grid))


def _header_rows(grid: Grid) -> int:
    """As the network said; else the first row, and the rows that its spanning cells reach into."""
    if grid.header_rows:
        return grid.header_rows
    first = [cell for cell in grid.cells if cell.row == 0]
    reach = max((cell.row_span for cell in first), default=1)
    if any(1 < cell.col_span < grid.cols for cell in first):
        reach = max(reach, 2)
    return min(reach, max(1, grid.rows - 1), 3)
