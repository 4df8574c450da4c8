"""Whether a region that a layout model took for a figure is a table: rows of words, no drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.extraction.table_geometry import column_bounds
from tasks.extraction.table_ruled import ruled_grid
from tasks.extraction.table_rulings import CONTRAST, Rulings, find_rulings
from tasks.extraction.table_words import Box, Word, is_running_text, text_lines, word_height

if TYPE_CHECKING:
    import numpy as np

MIN_ROWS = 3
ROWS_OF_SEVERAL = 0.6
"""Share of a table's lines that have words in several columns."""
STRAY_INK = 0.004
"""Share of a region's pixels that may be neither word, nor ruling line, nor plain fill."""


def is_word_table(words: Sequence[Word], box: Box) -> bool:
    """Whether the words in `box` (points, top-left origin) stand in rows and columns."""
    inside = _inside(words, box)
    lines = text_lines(inside)
    if len(lines) < MIN_ROWS or is_running_text(inside, box):
        return False
    borders = column_bounds(inside)
    several = sum(any(line[0].x < border < line[-1].x for border in borders) for line in lines)
    return several >= max(MIN_ROWS, ROWS_OF_SEVERAL * len(lines))


def is_table_picture(
    words: Sequence[Word], grey: np.ndarray, scale: float, origin: tuple[float, float], box: Box
) -> bool:
    """Whether a region is a table by its looks: a drawn grid around its words, or rows and
    columns of words with nothing drawn but lines and fills.

    `grey` is H x W uint8, `scale` its pixels per point, `origin` the page position of its top
    left corner; `words` and `box` are in points of the page. False without words: a picture
    of a table has none before OCR.
    """
    inside = _inside(words, box)
    if len(inside) < 4:
        return False
    rulings = find_rulings(grey, scale, origin, inside)
    if ruled_grid(rulings, inside, box) is not None:
        return True
    return is_word_table(inside, box) and (
        _stray_ink(grey, scale, origin, inside, rulings) <= STRAY_INK
    )


def _inside(words: Sequence[Word], box: Box) -> list[Word]:
    left, top, right, bottom = box
    return [word for word in words if left <= word.x <= right and top <= word.y <= bottom]


def _stray_ink(
    grey: np.ndarray,
    scale: float,
    origin: tuple[float, float],
    words: Sequence[Word],
    rulings: Rulings,
) -> float:
    """Share of the pixels that stand out from their surroundings and belong to no word or line."""
    import cv2
    import numpy as np

    strokes = cv2.morphologyEx(
        np.ascontiguousarray(grey), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)
    )
    stray = strokes > CONTRAST

    def clear(left: float, top: float, right: float, bottom: float) -> None:
        x, y = origin
        rows = slice(max(0, round((top - y) * scale)), max(0, round((bottom - y) * scale)))
        columns = slice(max(0, round((left - x) * scale)), max(0, round((right - x) * scale)))
        stray[rows, columns] = False

    around = 0.25 * word_height(words)
    for word in words:
        clear(word.left - 2, word.top - around, word.right + 2, word.bottom + around)
    for line in rulings.horizontal:
        for start, end in line.pieces:
            clear(start - 3, line.position - 3, end + 3, line.position + 3)
    for line in rulings.vertical:
        for start, end in line.pieces:
            clear(line.position - 3, start - 3, line.position + 3, end + 3)
    return float(stray.mean()) if stray.size else 0.0
