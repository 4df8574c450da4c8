"""Which characters are Han, and what a character weighs where there is no tokenizer."""

from __future__ import annotations

import re

# Extension A, the unified block, compatibility ideographs, extensions B and later, and the two
# marks that are written like ideographs: 々 repeats one, 〇 is the digit zero.
HAN_CLASS = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"

_HAN = re.compile(f"[{HAN_CLASS}]")
_ASCII_WORD = re.compile("[a-z0-9]", re.IGNORECASE)
_HAN_WEIGHT = 3


def is_han(character: str) -> bool:
    """Whether one character is a Han ideograph."""
    return _HAN.match(character) is not None


def count_han(text: str) -> int:
    """Han characters in `text`."""
    return len(_HAN.findall(text))


def weighted_length(text: str) -> int:
    """Characters of `text`, where a Han character counts as three.

    A stand-in for tokens: an English token is about four characters, and small vocabularies
    spend one to two tokens on a Han character.
    """
    return len(text) + (_HAN_WEIGHT - 1) * count_han(text)


def set_apart(replacement: str, match: re.Match[str]) -> str:
    """`replacement` for `match`, with a space where it would join a word or number beside it.

    Han characters need no space between them and a word; the digits that replace them do.
    """
    text, start, end = match.string, match.start(), match.end()
    before = " " if start and _ASCII_WORD.match(text[start - 1]) else ""
    after = " " if end < len(text) and _ASCII_WORD.match(text[end]) else ""
    return before + replacement + after
