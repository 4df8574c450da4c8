"""Ruling lines in the picture of a table: thin, long, and lighter or darker than what is around.

Works on the pixels, so that a scan and a drawn page are treated alike, whatever the ink.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tasks.extraction.table_words import Word, word_height

if TYPE_CHECKING:
    import numpy as np

THICKEST_PT = 3.0
CONTRAST = 6
"""Grey levels, of 255, between a line and its surroundings; hairlines are rendered faint."""
NOISE_FACTOR = 3.0
"""A line stands out from the paper's noise by this factor."""
BRIDGE_PT = 2.5
"""Holes in a line up to this length are closed: crossings, dashes and scanning noise."""
SAME_PT = 2.0
"""Lines closer than this are one."""
BOX_MARGIN = 0.25
"""Share of a word's height at the top and at the bottom of its box where rules are looked for."""


class Ruling(NamedTuple):
    """All collinear pieces at one position: y of a horizontal line, x of a vertical one; points."""

    position: float
    pieces: tuple[tuple[float, float], ...]

    @property
    def start(self) -> float:
        return self.pieces[0][0]

    @property
    def end(self) -> float:
        return self.pieces[-1][1]

    def coverage(self, start: float, end: float) -> float:
        """Share of the stretch from `start` to `end` that is drawn."""
        if end <= start:
            return 0.0
        drawn = sum(max(0.0, min(end, b) - max(start, a)) for a, b in self.pieces)
        return drawn / (end - start)


class Rulings(NamedTuple):
    horizontal: tuple[Ruling, ...] = ()
    vertical: tuple[Ruling, ...] = ()


def find_rulings(
    grey: np.ndarray, scale: float, origin: tuple[float, float], words: Sequence[Word]
) -> Rulings:
    """Lines of a table's picture, in points of the page.

    `grey` is H x W uint8, `scale` its pixels per point, `origin` the page position of its top
    left corner. `words` (page points) are blanked out: strokes of letters are lines, too.
    """
    import numpy as np

    if grey.size == 0:
        return Rulings()
    unit = word_height(words)
    blank = np.zeros(grey.shape, bool)
    local = [
        tuple(
            round(v * scale)
            for v in (
                w.left - origin[0],
                w.top - origin[1],
                w.right - origin[0],
                w.bottom - origin[1],
            )
        )
        for w in words
    ]
    for left, top, right, bottom in local:
        # A box reaches over ascenders and descenders, and a rule may run through its margin.
        trim = round(BOX_MARGIN * (bottom - top))
        blank[max(0, top + trim) : max(0, bottom - trim), max(0, left) : max(0, right)] = True
    turned = [(top, left, bottom, right) for left, top, right, bottom in local]
    return Rulings(
        horizontal=_rulings(grey, blank, local, scale, (origin[1], origin[0]), 1.5 * unit),
        vertical=_rulings(grey.T, blank.T, turned, scale, origin, 1.1 * unit),
    )


def _rulings(
    picture: np.ndarray,
    blank: np.ndarray,
    words: Sequence[tuple[int, ...]],
    scale: float,
    origin: tuple[float, float],
    shortest_pt: float,
) -> tuple[Ruling, ...]:
    """Horizontal rulings of a picture; `origin` is the position of its first row and column."""
    lines, edges = (
        _collinear(
            [line for line in _pieces(mask, scale, shortest_pt) if not _within_text(line, words)],
            scale,
            *origin,
            shortest_pt,
        )
        for mask in _contrast(picture, blank, scale)
    )
    # Where some of a border is drawn, its drawn part counts: a stripe's edge beside it runs
    # behind a cell that spans the rows.
    free = [
        edge
        for edge in edges
        if not any(
            abs(line.position - edge.position) <= SAME_PT
            and line.coverage(edge.start, edge.end) >= 0.2
            for line in lines
        )
    ]
    return tuple(sorted([*lines, *free]))


def _contrast(
    picture: np.ndarray, blank: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where a thin horizontal line may be, and where the edge of a fill: two bool masks."""
    import cv2
    import numpy as np

    tall = np.ones((2 * int(THICKEST_PT * scale / 2) + 3, 1), np.uint8)
    # Replicated borders would hide a line at the picture's very edge: mirror the inside instead.
    pad = tall.shape[0]
    padded = cv2.copyMakeBorder(
        np.ascontiguousarray(picture), pad, pad, 0, 0, cv2.BORDER_REFLECT_101
    )
    without_dark = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, tall)
    without_light = cv2.morphologyEx(padded, cv2.MORPH_OPEN, tall)
    thin = np.maximum(without_dark - padded, padded - without_light)
    # What is left without thin lines are fills: a header's or a stripe's edge parts cells, too.
    fills = cv2.morphologyEx(without_dark, cv2.MORPH_OPEN, tall)
    # An edge between two pixels is spread over three by the renderer.
    edges = cv2.morphologyEx(fills, cv2.MORPH_GRADIENT, np.ones((4, 1), np.uint8))
    masks = []
    for signal in (thin[pad:-pad], edges[pad:-pad]):
        # On a clean page nearly all of this is zero; on a scan it is the paper's noise.
        noise = float(np.median(signal[~blank])) if not blank.all() else 0.0
        masks.append((signal > max(CONTRAST, NOISE_FACTOR * noise)) & ~blank)
    return masks[0], masks[1]


def _pieces(seen: np.ndarray, scale: float, shortest_pt: float) -> list[tuple[float, float, float]]:
    """(row, first column, last column) in pixels of each long horizontal run of a mask."""
    import cv2
    import numpy as np

    # A scan is never quite level: a line may climb a pixel or two on its way.
    mask = cv2.dilate(np.where(seen, 255, 0).astype(np.uint8), np.ones((3, 1), np.uint8))
    bridge = max(1, int(BRIDGE_PT * scale / 2))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((1, 2 * bridge + 1), np.uint8))
    length = max(3, int(shortest_pt * scale))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    thickest = (THICKEST_PT + 1) * scale + 3
    found: list[tuple[float, float, float]] = []
    for index in range(1, count):
        left, top, width, height, _ = (int(v) for v in boxes[index])
        piece = labels[top : top + height, left : left + width] == index
        # Strokes of letters may touch a line: its own rows are the ones that reach furthest.
        across = piece.sum(axis=1)
        rows = np.flatnonzero(across >= 0.7 * across.max())
        for group in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            columns = np.flatnonzero(piece[group].any(axis=0))
            start, end = int(columns[0]), int(columns[-1]) + 1
            if len(group) <= thickest and end - start >= 3 * len(group):
                found.append((top + float(group.mean()), left + start, left + end))
    return found


def _within_text(line: tuple[float, float, float], boxes: Sequence[tuple[int, ...]]) -> bool:
    """Whether a line is but an underline or the strokes of letters: it runs along words only."""
    position, start, end = line
    covered = sum(
        max(0.0, min(end, right) - max(start, left))
        for left, top, right, bottom in boxes
        if top <= position <= bottom
    )
    return covered >= 0.85 * (end - start)


def _collinear(
    lines: Iterable[tuple[float, float, float]],
    scale: float,
    offset_across: float,
    offset_along: float,
    shortest_pt: float,
) -> tuple[Ruling, ...]:
    """Pieces at the same position joined, in points; ordered by position."""
    groups: list[list[tuple[float, float, float]]] = []
    for line in sorted((p / scale, a / scale, b / scale) for p, a, b in lines):
        if groups and line[0] - groups[-1][-1][0] <= SAME_PT:
            groups[-1].append(line)
        else:
            groups.append([line])
    rulings = []
    for group in groups:
        length = sum(b - a for _, a, b in group)
        if length < shortest_pt:
            continue
        position = sum(p * (b - a) for p, a, b in group) / length
        pieces: list[tuple[float, float]] = []
        for _, a, b in sorted(group, key=lambda line: line[1:]):
            start, end = a + offset_along, b + offset_along
            if pieces and start - pieces[-1][1] <= BRIDGE_PT:
                pieces[-1] = (pieces[-1][0], max(end, pieces[-1][1]))
            else:
                pieces.append((start, end))
        rulings.append(Ruling(position + offset_across, tuple(pieces)))
    return tuple(rulings)
