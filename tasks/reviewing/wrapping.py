"""Where a text breaks into lines of a terminal, Chinese and English in one line.

Rich wraps at blanks alone: a Chinese sentence after an English word would begin a new line and
leave the rest of the old one empty. Here a line may also end beside any wide character, except
where punctuation would be torn off.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import get_character_cell_size
from rich.text import Text

_WIDE = 2
_NOT_FIRST = frozenset("，。、；：！？）】》」』”’…—～·,.;:!?)]}%")
_NOT_LAST = frozenset("（【《「『“‘([{")


def line_starts(text: str, width: int) -> list[int]:
    """The index of each line's first character, from 0; newlines end lines."""
    starts = [0]
    begin = 0
    for paragraph in text.split("\n"):
        if begin:
            starts.append(begin)
        starts.extend(begin + at for at in _breaks(paragraph, max(width, _WIDE)))
        begin += len(paragraph) + 1
    return starts


def wrapped(text: Text, width: int) -> list[Text]:
    """The lines of a text, without the blanks and newlines at their ends."""
    lines = list(text.divide(line_starts(text.plain, width)[1:]))
    for line in lines:
        line.rstrip()
    return lines


def _breaks(paragraph: str, width: int) -> Iterator[int]:
    begin = used = 0
    # Where the line may break at the latest, and the cells up to there.
    allowed = allowed_used = 0
    for at, character in enumerate(paragraph):
        cells = get_character_cell_size(character)
        if at > begin and _may_break(paragraph[at - 1], character, cells):
            allowed, allowed_used = at, used
        # A blank may stand beyond the border: it is not seen.
        if used + cells > width and character != " ":
            if allowed > begin:
                yield allowed
                begin, used = allowed, used - allowed_used
            else:
                yield at
                begin, used = at, 0
            allowed, allowed_used = begin, 0
        used += cells


def _may_break(before: str, after: str, after_cells: int) -> bool:
    if after_cells == 0 or after in _NOT_FIRST or before in _NOT_LAST or after == " ":
        return False
    return before == " " or after_cells == _WIDE or get_character_cell_size(before) == _WIDE
