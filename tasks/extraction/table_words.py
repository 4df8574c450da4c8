"""Words of a table with their boxes: lines, columns of white, and whether they are a table at all.

All lengths are points, the origin is the page's top left corner, y grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

Box = tuple[float, float, float, float]

RAISED_HEIGHT = 0.8
"""An exponent is lower than this share of the words beside it."""
MIN_GUTTER = 0.6
"""Narrowest white between columns, in heights of a word; a space inside a line is 0.25 to 0.35."""
SHORT_BLOCK_LINES = 5
"""Blocks of fewer lines have white through all their lines by chance: they need wider gutters."""
CROSSING_SHARE = 0.12
"""Share of lines that may cross a gutter: titles and merged cells do."""


class Word(NamedTuple):
    """A word (in Chinese often a run of characters) and its box in points, top-left origin."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        return (self.top + self.bottom) / 2


def word_height(words: Sequence[Word]) -> float:
    """Median height in points, at least 1: the unit of every distance in a table."""
    return max(1.0, median(word.height for word in words)) if words else 1.0


def text_lines(words: Iterable[Word]) -> list[list[Word]]:
    """Words grouped by their height on the page, top to bottom, each line left to right."""
    ordered = sorted(words, key=lambda word: (word.y, word.left, word.text))
    lines: list[list[Word]] = []
    centre = 0.0
    for word in ordered:
        if lines:
            reach = 0.45 * min(word_height(lines[-1]), max(1.0, word.height))
            if word.y - centre <= reach:
                lines[-1].append(word)
                centre = sum(member.y for member in lines[-1]) / len(lines[-1])
                continue
        lines.append([word])
        centre = word.y
    lines = _with_raised(lines)
    return [sorted(line, key=lambda word: (word.left, word.top, word.text)) for line in lines]


def _with_raised(lines: list[list[Word]]) -> list[list[Word]]:
    """Exponents and indices back in the line beside which they stand."""
    result: list[list[Word]] = []
    for number, line in enumerate(lines):
        height = word_height(line)
        home = next(
            (
                other
                for other in (result[-1:] + lines[number + 1 : number + 2])
                if height < RAISED_HEIGHT * word_height(other)
                and any(word.top <= line[0].y <= word.bottom for word in other)
                and not any(a.left < b.right and b.left < a.right for a in line for b in other)
            ),
            None,
        )
        if home is None:
            result.append(line)
        else:
            home.extend(line)
    return result


def gutters(
    lines: Sequence[Sequence[Word]], min_width: float, crossing_share: float = CROSSING_SHARE
) -> list[tuple[float, float]]:
    """Vertical strips of white that at most `crossing_share` of the lines cross, left to right.

    Strips at the outer edges are no gutters: each one has words on both sides.
    """
    edges: list[tuple[float, int]] = []
    for line in lines:
        for left, right in _merged((word.left, word.right) for word in line):
            edges += [(left, 1), (right, -1)]
    edges.sort()
    allowed = int(crossing_share * len(lines))
    found: list[tuple[float, float]] = []
    covering, white_from = 0, None
    seen_above_allowed = False
    for x, change in edges:
        before, covering = covering, covering + change
        if before > allowed >= covering:
            white_from = x
        elif before <= allowed < covering:
            if white_from is not None and seen_above_allowed and x - white_from >= min_width:
                found.append((white_from, x))
            seen_above_allowed = True
    return found


def min_gutter(lines: Sequence[Sequence[Word]]) -> float:
    """Narrowest white that counts as a gutter in a block of these lines, in heights of a word."""
    return MIN_GUTTER if len(lines) >= SHORT_BLOCK_LINES else 2 * MIN_GUTTER


def is_running_text(words: Sequence[Word], bbox: Box) -> bool:
    """Whether what a layout model called a table is prose: one column, or columns of full lines.

    `bbox` is (left, top, right, bottom) in points, top-left origin; words whose centre lies
    outside are ignored. A box without words is no running text (it may be a picture of a table).
    """
    left, top, right, bottom = bbox
    inside = [word for word in words if left <= word.x <= right and top <= word.y <= bottom]
    if not inside:
        return False
    height = word_height(inside)
    lines = text_lines(inside)
    found = gutters(lines, min_gutter(lines) * height)
    if not found:
        return True
    if len(found) > 2:
        return False
    bounds = [left, *((start + end) / 2 for start, end in found), right]
    return all(
        _is_prose_column([w for w in inside if start <= w.x < end], height)
        for start, end in pairwise(bounds)
    )


def _is_prose_column(words: Sequence[Word], height: float) -> bool:
    """Many wide lines, most of which fill the column: cells of a table are short or ragged."""
    lines = text_lines(words)
    if len(lines) < 6:
        return False
    column_left = min(word.left for word in words)
    width = max(word.right for word in words) - column_left
    if width < 10 * height:
        return False
    filled = sum(line[-1].right - line[0].left >= 0.8 * width for line in lines)
    return filled >= 0.65 * len(lines)


def _merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
