"""What the fonts of a page tell: typewriter type, bold type, the type of its headings.

A font that is not embedded has no name in the parsed page, only a key such as `/F4`. Typewriter
type is then told by its measure: every line has the same width for a character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from tasks.extraction.page_lines import Line, box_of, is_cjk

_MONOSPACED = re.compile(
    r"mono|courier|consol|menlo|typewriter|fixed|cmtt|lmtt|sourcecode|inconsolata|lucidacons"
    r"|terminal|nimbusmonl|lettergothic|andale|txtt|pcrr|ectt|sftt|hack-|firacode",
    re.IGNORECASE,
)
_BOLD = re.compile(r"bold|black|heavy|demi|cmbx|ptmb|phvb", re.IGNORECASE)
_BARE_KEY = re.compile(r"/?[A-Za-z]{0,3}_?\d{1,4}(?:_\d+)?")
_FEWEST_CHARS = 10
"""Of a cell that is measured: shorter ones agree by chance."""


def font_of(cell: Any) -> str:
    """Name or key of the cell's font; empty for OCR."""
    return getattr(cell, "font_name", "") or ""


class PageFonts:
    """The typewriter fonts of one page, by name or by measure."""

    def __init__(self, cells: Iterable[Any]) -> None:
        by_font: dict[str, dict[str, float]] = {}
        names: set[str] = set()
        for cell in cells:
            name, text = font_of(cell), cell.text.strip()
            names.add(name)
            if not _BARE_KEY.fullmatch(name) or len(text) < _FEWEST_CHARS:
                continue
            if any(map(is_cjk, text)) or not _has_letters(text):
                continue
            left, _, right, _ = box_of(cell)
            if right > left:
                by_font.setdefault(name, {})[text] = (right - left) / len(text)
        measured = {name for name, widths in by_font.items() if _agree(list(widths.values()))}
        self.typewriter = {n for n in names if n and (_MONOSPACED.search(n) or n in measured)}

    def is_typewriter(self, cell: Any) -> bool:
        return font_of(cell) in self.typewriter

    def is_code(self, line: Line) -> bool:
        """Whether at least four fifths of a line's characters are typewriter type."""
        chars = sum(len(cell.text.strip()) for cell in line.cells)
        mono = sum(len(c.text.strip()) for c in line.cells if self.is_typewriter(c))
        # A line of mixed fonts has the name of its first: Chinese prose may begin with a command.
        han = sum(is_cjk(char) for char in line.text)
        return chars > 0 and mono >= 0.8 * chars and han <= 0.2 * chars


def is_bold(line: Line) -> bool:
    return all(_BOLD.search(font_of(cell)) for cell in line.cells)


def type_of(line: Line) -> tuple[str, int]:
    """Font and rounded height of a line: what headings of one level share."""
    return font_of(line.cells[0]), round(
        2 * median(b - t for _, t, _, b in map(box_of, line.cells))
    )


def _has_letters(text: str) -> bool:
    return len(set(filter(str.isalpha, text))) >= 5


def _agree(widths: Sequence[float]) -> bool:
    """Whether widths of a character, measured on different texts, are one width."""
    if len(widths) < 2:
        return False
    spread = (max(widths) - min(widths)) / median(widths)
    return spread < (0.002 if len(widths) == 2 else 0.01)
