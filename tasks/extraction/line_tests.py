"""What a line of text looks like: a list item, code, a caption, the end of a sentence.

CDLA has no class for lists and code, so they are told by markers, fonts and leaders.
"""

from __future__ import annotations

import re

from tasks.extraction.page_lines import Line, is_cjk

# Bullets, and what symbol fonts become when their glyphs have no Unicode (\u221e and the like).
_BULLET = (
    "[\u2022\u2023\u25e6\u2043\u2219\u25aa\u25ab\u25cf\u25cb\u25a0\u25a1\u25b6\u27a2\u2713\u2714\u00b7"
    "\uf0b7\uf0a7\uf06e\uf0d8\uf0fc\u221e\u25b8\u25ba\u2794\u27a4\u2726\u2756\u2605\u2606\u274f\u2751\u2752"
    "\u25c6\u25c7\u203a\u00bb]"
)
_DASH = r"[-\u2013\u2014*+\u2010]"
_NUMBER = r"(?:\d{1,2}[.)](?!\d)|\(\d{1,2}\)|\[\d{1,3}\]|[a-zA-Z][.)]|\([a-z]\)|[ivx]{1,4}[.)])"
_HAN_NUMBER = r"(?:[\u2460-\u2473]|[（(][一二三四五六七八九十\d]{1,3}[）)]|\d{1,2}[、．])"
LIST_MARKER = re.compile(
    rf"^(?:(?P<bullet>{_BULLET}\s*|{_DASH}\s+)"
    rf"|(?P<number>{_NUMBER}(?:\s+|$)|{_HAN_NUMBER}\s*))(?=\S|$)"
)
LEADER = re.compile(r"(?:\.\s?){4,}\s*\S{1,6}$|(?:\u2026\s?){2,}\s*\S{1,6}$")
CAPTION = re.compile(
    r"^\s*(fig(ure|\.)?|table|tab\.|chart|listing|algorithm|photo|图|圖|表|照片|图表|그림|표)"
    r"\s*[\d一二三四五六七八九十IVX(（\[]",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?。！？…]['\"”’)）]*$")
OPEN_END = re.compile(r"[,，、:：;；]$")
SECTION_NUMBER = re.compile(
    r"^(?:\d{1,2}(?:\.\d{1,2})*|[A-Z]|[IVX]{1,5}|[一二三四五六七八九十]{1,3})[.、．)）]?$"
)
_MONOSPACED = re.compile(
    r"mono|courier|consol|menlo|typewriter|fixed|cmtt|lmtt|sourcecode|inconsolata|lucidacons"
    r"|terminal|nimbusmonl|lettergothic|andale|txtt|pcrr|ectt|sftt|hack-|firacode",
    re.IGNORECASE,
)
_BOLD = re.compile(r"bold|black|heavy|demi|cmbx|ptmb|phvb", re.IGNORECASE)


def weight(text: str) -> int:
    """Length in Latin letters: a Chinese character says twice as much."""
    return sum(2 if is_cjk(char) else 1 for char in text)


def font_of(cell: object) -> str:
    """Name of the cell's font; empty for OCR."""
    return getattr(cell, "font_name", "") or ""


def is_monospaced_font(name: str) -> bool:
    return _MONOSPACED.search(name) is not None


def is_bold(line: Line) -> bool:
    return all(_BOLD.search(font_of(cell)) for cell in line.cells)


def is_monospaced(line: Line) -> bool:
    """Whether at least four fifths of a line's characters are typewriter type."""
    chars = sum(len(cell.text.strip()) for cell in line.cells)
    mono = sum(len(c.text.strip()) for c in line.cells if is_monospaced_font(font_of(c)))
    # A line of mixed fonts has the name of its first: Chinese prose may begin with a command.
    han = sum(is_cjk(char) for char in line.text)
    return chars > 0 and mono >= 0.8 * chars and han <= 0.2 * chars


def starts_item(line: Line) -> bool:
    return LIST_MARKER.match(line.text) is not None
