"""Which characters are Han, and what a character weighs where there is no tokenizer."""

from __future__ import annotations

import re

# Extension A, the unified block, compatibility ideographs, extensions B and later, and the two
# marks that are written like ideographs: 々 repeats one, 〇 is the digit zero.
HAN_CLASS = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"

_HAN = re.compile(f"[{HAN_CLASS}]")
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
