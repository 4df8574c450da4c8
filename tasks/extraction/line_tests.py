"""What a line of text looks like: a list item, a caption, the end of a sentence.

CDLA has no class for lists, so they are told by their markers.
"""

from __future__ import annotations

import re

from tasks.extraction.page_lines import CJK, Line, is_cjk

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
    rf"|(?P<number>{_NUMBER}(?:\s+|$)|\d{{1,2}}[.)](?=[{CJK}])|{_HAN_NUMBER}\s*))(?=\S|$)"
)
LEADER = re.compile(r"(?:\.\s?){4,}\s*\S{1,6}$|(?:\u2026\s?){2,}\s*\S{1,6}$")
_FIGURE_NUMBER = (
    r"\s*[(（\[]?(?:\d+|[一二三四五六七八九十]+|[IVX]+)(?:[.\-]\d+)*[a-z]?[)）\]]?"
    r"(?:\s*[.:：、．]|\s+(?-i:(?![a-z]))|\s*$)"
)
CAPTION = re.compile(
    r"^\s*(?:fig(?:ure|\.)?|table|tab\.|chart|listing|algorithm|photo|图|圖|表|照片|图表|그림|표)"
    + _FIGURE_NUMBER,
    re.IGNORECASE,
)
TABLE_CAPTION = re.compile(r"^\s*(?:table|tab\.|表|표)", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?。！？…]['\"”’)）]*$")
OPEN_END = re.compile(r"[,，、:：;；]$")
SECTION_NUMBER = re.compile(
    r"^(?:\d{1,2}(?:\.\d{1,2})*|[A-Z]|[IVX]{1,5}|[一二三四五六七八九十]{1,3})[.、．)）]?$"
)


def weight(text: str) -> int:
    """Length in Latin letters: a Chinese character says twice as much."""
    return sum(2 if is_cjk(char) else 1 for char in text)


def starts_item(line: Line) -> bool:
    return LIST_MARKER.match(line.text) is not None
