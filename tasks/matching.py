"""Does a text say a phrase? Compared as words, after the one normaliser.

Words and not characters: "5" stands in "5 bar" and in "5bar", and not in "15 bar". Han and kana
are written without spaces, and so are hangul's particles: there every character is a word.
"""

from __future__ import annotations

import re

from tasks.text import HAN_CLASS, normalise

_UNSPACED = HAN_CLASS + "\u3041-\u30ff\uac00-\ud7af"
# A number is one word with its decimals, its date and its percent sign: 5 is not said by 5.2 %.
_WORD = re.compile(rf"[{_UNSPACED}]|\d+(?:[.:/-]\d+)*%?|[^\W_{_UNSPACED}]+")


def matchable(text: str) -> str:
    """The text's words between single spaces, one at each end; empty where it has no word."""
    words = _WORD.findall(normalise(text))
    return f" {' '.join(words)} " if words else ""


def says(text: str, phrase: str) -> bool:
    """Both from `matchable`. A phrase without a word is said by no text."""
    return bool(phrase) and phrase in text
