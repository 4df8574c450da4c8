"""Numbers that are written as words: English numerals and ordinals, Roman ones, months."""

from __future__ import annotations

import re
from decimal import Decimal

from tasks.synthesis.wordlist import words

_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = words(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_SMALL = (
    {word: value for value, word in enumerate(_ONES)}
    | {word: value for value, word in enumerate(_ORDINALS)}
    | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
)
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_OTHERS = {
    "single": "1",
    "sole": "1",
    "once": "1",
    "twice": "2",
    "both": "2",
    "pair": "2",
    "couple": "2",
    "double": "2",
    "dual": "2",
    "half": "0.5",
    "triple": "3",
    "thrice": "3",
    "trio": "3",
    "quarter": "0.25",
    "dozen": "12",
}
_WORD = re.compile(r"[a-z]+")

# Han numerals that stand in words which no normaliser may touch: 双因素, 三角形, 两端.
_HAN = {
    character: value
    for value, characters in (
        *enumerate(("零〇", "一", "二两双", "三", "四", "五", "六", "七", "八", "九", "十")),
        (100, "百"),
        (1000, "千"),
    )
    for character in characters
}

MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        words(
            "january february march april may june july august september october november december"
        ),
        start=1,
    )
    for length in (3, len(name))
}

_ROMAN = {
    numeral: value
    for value, numeral in enumerate(
        words("I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI"),
        start=1,
    )
}
_ROMAN_WORD = re.compile(r"\b[IVX]{1,5}\b")


def spelled_values(plain: str) -> set[Decimal]:
    """Values of the numerals in words in `plain` (lower case): each word, and each row of them."""
    found: set[Decimal] = set()
    row: list[str] = []
    for word in [*_WORD.findall(plain), ""]:
        word = word[:-1] if word.endswith("s") and word[:-1] in _LARGE else word
        if word in _OTHERS:
            found.add(Decimal(_OTHERS[word]))
        if word in _SMALL or word in _LARGE or (word == "and" and row):
            row.append(word)
            continue
        if row:
            found |= _row_values(row)
            row = []
    found |= {Decimal(_HAN[character]) for character in plain if character in _HAN}
    return found


def _row_values(row: list[str]) -> set[Decimal]:
    """Of "one hundred and twenty five": 1, 100, 20, 5 and 125."""
    found = {Decimal(_SMALL.get(word, _LARGE.get(word, 0))) for word in row if word != "and"}
    total = section = 0
    for word in row:
        if word in _SMALL:
            section += _SMALL[word]
        elif word == "hundred":
            section = (section or 1) * 100
        elif word in _LARGE:
            total += (section or 1) * _LARGE[word]
            section = 0
    found.add(Decimal(total + section))
    return found


def roman_values(text: str) -> set[Decimal]:
    """Values of the Roman numerals up to XXI in `text`."""
    return {Decimal(_ROMAN[word]) for word in _ROMAN_WORD.findall(text) if word in _ROMAN}
