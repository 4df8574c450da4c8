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

# Of a line's height. Wrapped lines of a paragraph are wide and may stand apart; short lines
# that do are cells of a table, or labels of two boxes.
_LABEL_GAP = 0.25
_PARAGRAPH_GAP = 0.6
_PARAGRAPH_WIDTH = 10.0
_ALIGNED_WITHIN = 0.7
_COLUMN_GAP = 1.0
_SAME_ROW_WITHIN = 0.4
# Share of the rows that two sides have in common when they read on across the gap.
_COMMON_ROWS = 0.7
_CELL_WIDTH = 14.0


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
    wide = upper.right - upper.left >= _PARAGRAPH_WIDTH * upper.height
    if lower.top - upper.bottom > (_PARAGRAPH_GAP if wide else _LABEL_GAP) * height:
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
    if columns and not _reads_across(*columns, height):
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


def _reads_across(left: list[_Block], right: list[_Block], height: float) -> bool:
    """Whether, where both sides have text, most rows run on across the gap; cells are short.

    So they do in a table, and where side steps of a flowchart stand beside the main ones.
    Blocks are compared, not lines: two stacks of boxes side by side share lines by chance.
    """
    width = median(line.right - line.left for block in left + right for line in block.lines)
    if width > _CELL_WIDTH * height:
        return False
    reach = _SAME_ROW_WITHIN * height
    left_rows, right_rows = _rows(left, reach), _rows(right, reach)
    top, bottom = max(left_rows[0], right_rows[0]), min(left_rows[-1], right_rows[-1])
    left_rows = [row for row in left_rows if top - reach <= row <= bottom + reach]
    right_rows = [row for row in right_rows if top - reach <= row <= bottom + reach]
    common = sum(any(abs(a - b) <= reach for b in right_rows) for a in left_rows)
    return 0 < common >= _COMMON_ROWS * min(len(left_rows), len(right_rows))


def _rows(blocks: Sequence[_Block], reach: float) -> list[float]:
    """The vertical middle of each row of blocks, from top to bottom."""
    rows: list[float] = []
    for middle in sorted((block.top + block.bottom) / 2 for block in blocks):
        if not rows or middle - rows[-1] > reach:
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
