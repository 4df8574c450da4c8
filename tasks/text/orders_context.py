"""What stands before a place in a text, within its clause and within its sentence."""

from __future__ import annotations

import re
from re import Match, Pattern

_LOOK_BACK = 80
_SENTENCE_BREAK = re.compile(r"[.!?。！？\n]")


def clause_before(text: str, found: Match[str], border: Pattern[str]) -> str:
    """The part of the clause before a match; `border` is what clauses end with."""
    before = text[max(0, found.start() - _LOOK_BACK) : found.start()]
    breaks = list(border.finditer(before))
    return before[breaks[-1].end() :] if breaks else before


def sentence_before(text: str, found: Match[str]) -> str:
    """The part of the sentence before a match."""
    before = text[max(0, found.start() - _LOOK_BACK) : found.start()]
    return _SENTENCE_BREAK.split(before)[-1]
