"""Which texts of a page lie under other texts: a box with other words may be drawn over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.extraction.invisible_objects import PageFrame, TextObject

_CELL_PT = 2.0
_MOST_CELLS = 1_000_000
_COVERED_SHARE = 0.3


def texts_under_others(texts: Sequence[TextObject], frame: PageFrame) -> list[TextObject]:
    """Texts a good part of whose box later texts take, too. Boxes are drawn on a coarse grid."""
    if len(texts) < 2:
        return []
    size = max(_CELL_PT, (frame.width * frame.height / _MOST_CELLS) ** 0.5)
    columns, rows = int(frame.width / size) + 1, int(frame.height / size) + 1
    boxes = np.array([text.box for text in texts]) / size
    # Rounded inward, so that neighbours do not share a row of cells.
    left, top = (np.ceil(boxes[:, n]).clip(0, m).astype(int) for n, m in ((0, columns), (1, rows)))
    right, bottom = (
        np.floor(boxes[:, n]).clip(0, m).astype(int) for n, m in ((2, columns), (3, rows))
    )
    drawn = np.flatnonzero((right > left) & (bottom > top))
    left, top, right, bottom = left[drawn], top[drawn], right[drawn], bottom[drawn]
    counts = np.zeros((rows + 1, columns + 1), dtype=np.int32)
    for edge_rows, edge_columns, step in (
        (top, left, 1),
        (top, right, -1),
        (bottom, left, -1),
        (bottom, right, 1),
    ):
        np.add.at(counts, (edge_rows, edge_columns), step)
    shared = counts.cumsum(axis=0).cumsum(axis=1) > 1
    if not shared.any():
        return []
    sums = np.zeros((rows + 2, columns + 2), dtype=np.int32)
    sums[1:, 1:] = shared.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    areas = (right - left) * (bottom - top)
    overlapping = np.flatnonzero(inside >= _COVERED_SHARE * areas)
    # Painted in their order: what is left of a text's own number is what no later one takes.
    topmost: npt.NDArray[np.int32] = np.full((rows, columns), -1, dtype=np.int32)
    places = [(slice(top[n], bottom[n]), slice(left[n], right[n])) for n in range(len(drawn))]
    touched = np.flatnonzero(inside > 0)
    for number in touched:
        topmost[places[number]] = number
    return [
        texts[drawn[number]]
        for number in overlapping
        if float((topmost[places[number]] > number).mean()) >= _COVERED_SHARE
    ]
