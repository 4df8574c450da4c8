"""Lines of text found in a picture, put into the order in which a person reads them.

Lines that stand closely one below the other are one block (the label of a box, a paragraph);
blocks are ordered by cutting the picture along its empty bands, columns before rows unless the
rows run on across the gap, as those of a table do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tasks.text import is_han

# Of a line's height:
_BLOCK_GAP = 0.35
_ALIGNED_WITHIN = 0.7
_COLUMN_GAP = 1.0
_SAME_ROW_WITHIN = 0.4
# Share of the rows that two sides have in common when they are one table.
_TABLE_ROWS = 0.7
_TABLE_CELL_WIDTH = 14.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its upright bounding box in pixels, origin at the top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class _Block:
    lines: tuple[Line, ...]
    left: float
    top: float
    right: float
    bottom: float


def text_blocks(lines: Sequence[Line]) -> list[str]:
    """The text of each block, in reading order; a block's lines are joined into one."""
    return [join_lines([line.text for line in block.lines]) for block in _ordered(_blocks(lines))]


def join_lines(texts: Sequence[str]) -> str:
    """One line of several: Chinese without a space, a word broken by a hyphen left as it is."""
    joined = ""
    for text in (text.strip() for text in texts):
        tight = joined and text and (_is_wide(joined[-1]) or _is_wide(text[0]))
        joined += text if tight or not joined else f" {text}"
    return joined


def _is_wide(character: str) -> bool:
    return (
        is_han(character) or "\u3000" <= character <= "\u303f" or "\uff00" <= character <= "\uffef"
    )


def _blocks(lines: Sequence[Line]) -> list[_Block]:
    """Chains of lines, each of which has the next as its only close neighbour below."""
    ordered = sorted(lines, key=lambda line: (line.top, line.left, line.text))
    below = [
        [j for j, other in enumerate(ordered) if j != i and _continues(line, other)]
        for i, line in enumerate(ordered)
    ]
    above_count = [0] * len(ordered)
    for followers in below:
        for j in followers:
            above_count[j] += 1
    follower = {i: js[0] for i, js in enumerate(below) if len(js) == 1 and above_count[js[0]] == 1}
    blocks = []
    for start in range(len(ordered)):
        if start in follower.values():
            continue
        chain = [start]
        while chain[-1] in follower:
            chain.append(follower[chain[-1]])
        members = tuple(ordered[i] for i in chain)
        blocks.append(
            _Block(
                lines=members,
                left=min(line.left for line in members),
                top=min(line.top for line in members),
                right=max(line.right for line in members),
                bottom=max(line.bottom for line in members),
            )
        )
    return blocks


def _continues(upper: Line, lower: Line) -> bool:
    """Whether `lower` reads on from `upper`, as the second line of a label does."""
    height = min(upper.height, lower.height)
    if (
        lower.middle <= upper.middle + 0.5 * height
        or max(upper.height, lower.height) > 1.5 * height
    ):
        return False
    if lower.top - upper.bottom > _BLOCK_GAP * height:
        return False
    if not (_has_letters(upper.text) and _has_letters(lower.text)):
        return False  # numbers one below the other are a column of a table
    shared = min(upper.right, lower.right) - max(upper.left, lower.left)
    if shared < 0.5 * min(upper.right - upper.left, lower.right - lower.left):
        return False
    off = min(
        abs(upper.left - lower.left),
        abs(upper.right - lower.right),
        abs(upper.left + upper.right - lower.left - lower.right) / 2,
    )
    return off <= _ALIGNED_WITHIN * height


def _has_letters(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _ordered(blocks: list[_Block]) -> list[_Block]:
    if len(blocks) < 2:
        return blocks
    height = median(line.height for block in blocks for line in block.lines)
    columns = _split(blocks, "left", "right", _COLUMN_GAP * height)
    if columns and not _is_table(*columns, height):
        return _ordered(columns[0]) + _ordered(columns[1])
    rows = _split(blocks, "top", "bottom", 0.0)
    if rows:
        return _ordered(rows[0]) + _ordered(rows[1])
    if columns:  # a single row of cells
        return _ordered(columns[0]) + _ordered(columns[1])
    return _by_rows(blocks)


def _split(
    blocks: list[_Block], start: str, end: str, least_gap: float
) -> tuple[list[_Block], list[_Block]] | None:
    """Two parts on the two sides of the widest empty band; None where no band is wide enough."""
    ordered = sorted(blocks, key=lambda block: (getattr(block, start), block.top, block.left))
    reach = getattr(ordered[0], end)
    best, cut = least_gap, 0
    for i, block in enumerate(ordered[1:], start=1):
        gap = getattr(block, start) - reach
        if gap > best or (gap == best and gap > 0 and not cut):
            best, cut = gap, i
        reach = max(reach, getattr(block, end))
    return (ordered[:cut], ordered[cut:]) if cut else None


def _is_table(left: list[_Block], right: list[_Block], height: float) -> bool:
    """Whether, where both sides have text, most rows run on across the gap; cells are short."""
    left_lines = [line for block in left for line in block.lines]
    right_lines = [line for block in right for line in block.lines]
    top = max(min(line.middle for line in side) for side in (left_lines, right_lines))
    bottom = min(max(line.middle for line in side) for side in (left_lines, right_lines))
    reach = _SAME_ROW_WITHIN * height
    left_lines = [line for line in left_lines if top - reach <= line.middle <= bottom + reach]
    right_lines = [line for line in right_lines if top - reach <= line.middle <= bottom + reach]
    if not left_lines or not right_lines:
        return False
    width = median(line.right - line.left for line in left_lines + right_lines)
    if width > _TABLE_CELL_WIDTH * height:
        return False
    left_rows, right_rows = _rows(left_lines, height), _rows(right_lines, height)
    common = sum(any(abs(a - b) <= reach for b in right_rows) for a in left_rows)
    return common >= _TABLE_ROWS * max(len(left_rows), len(right_rows))


def _rows(lines: Sequence[Line], height: float) -> list[float]:
    """The vertical middle of each row of lines."""
    rows: list[float] = []
    for middle in sorted(line.middle for line in lines):
        if not rows or middle - rows[-1] > _SAME_ROW_WITHIN * height:
            rows.append(middle)
    return rows


def _by_rows(blocks: list[_Block]) -> list[_Block]:
    """Blocks whose boxes overlap in both directions: by first line, then from left to right."""
    rest = sorted(blocks, key=lambda block: (block.lines[0].middle, block.left))
    ordered: list[_Block] = []
    while rest:
        first = rest[0].lines[0]
        row = [
            block
            for block in rest
            if block.lines[0].middle - first.middle <= _SAME_ROW_WITHIN * first.height
        ]
        ordered += sorted(row, key=lambda block: (block.left, block.top))
        rest = rest[len(row) :]
    return ordered
