"""docling's text cells: their boxes, whether they have any extent, and what is kept of them."""

from __future__ import annotations

import math
from typing import Any

from docling_core.types.doc.page import BoundingRectangle

from tasks.extraction.invisible import visible_length
from tasks.extraction.invisible_chars import Judgement
from tasks.extraction.invisible_objects import Box
from tasks.extraction.invisible_verdicts import SMALLEST_PT

_LINE_HEIGHT = 1.3
"""Height of a cell over its type size, at most: docling knows the box, not the size."""
_NARROWEST_PT = 0.1


def box_of(cell: Any) -> Box:
    rect = cell.rect
    xs = rect.r_x0, rect.r_x1, rect.r_x2, rect.r_x3
    ys = rect.r_y0, rect.r_y1, rect.r_y2, rect.r_y3
    return min(xs), min(ys), max(xs), max(ys)


def area_of(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def share_inside(box: Box, other: Box) -> float:
    """Share of the first box that lies in the other."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0.0) * max(height, 0.0) / max(area_of(box), 1e-6)


def is_flat(cell: Any) -> bool:
    """Text of size 0, or squeezed to nothing, or of a font that says it has no height."""
    text = cell.text
    if not any(map(str.isalnum, text)):
        return False
    rect = cell.rect
    height = math.hypot(rect.r_x3 - rect.r_x0, rect.r_y3 - rect.r_y0)
    width = math.hypot(rect.r_x1 - rect.r_x0, rect.r_y1 - rect.r_y0)
    return height < SMALLEST_PT * _LINE_HEIGHT or width < _NARROWEST_PT * visible_length(text)


def kept_text(text: str, judgement: Judgement) -> str:
    if not judgement.stays:
        return ""
    flags = iter(judgement.kept or ())
    kept = [char for char in text if char.isspace() or next(flags)]
    return " ".join("".join(kept).split())


def narrowed(rect: BoundingRectangle, box: Box | None) -> BoundingRectangle:
    """The rectangle from the first to the last character kept, for upright text."""
    if box is None or abs(rect.r_y1 - rect.r_y0) > 0.01:
        return rect
    left, right = max(box[0], rect.r_x0), min(box[2], rect.r_x1)
    if left >= right:
        return rect
    return rect.model_copy(update={"r_x0": left, "r_x3": left, "r_x1": right, "r_x2": right})
