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

_TENTH = "[一二两三四五六七八九1-9]"
_NO_COUNT_BEFORE = r"(?<![\d.第零一二两三四五六七八九十百千万亿])"
# 八成, 八成半, 七至八成, 七、八成 and 七八成; but no 成 of a word: 三成分, 一成立.
_TENTHS = re.compile(
    rf"{_NO_COUNT_BEFORE}(?:(?P<low>{_TENTH})(?:至|到|[-~,、])?)?(?P<high>{_TENTH})成(?P<half>半)?"
    r"(?!不变|[分为立功果品长就套型形绩色批效])"
)
_FRACTION = re.compile(
    rf"{_NO_COUNT_BEFORE}(?P<whole>[二两四五十百])分之(?P<part>[一二三四五六七八九])"
)
_AND_A_HALF = re.compile(
    r"(?:(?P<digits>\d+)|\b(?P<word>[a-z]+)) and (?:a|one)[ -]half\b"
    r"|(?P<han>\d+)[倍个年]半(?![径球导])"
)
# A share: neither "two and a half" nor "the second half" nor half an hour.
_HALF = re.compile(
    r"(?<!and a )(?<!and one )(?<!first )(?<!second )(?<!other )(?<!latter )"
    r"\bhalf(?= (?:of|the|its|their|that|all|as)\b)|\bby half\b"
    r"|(?:一|过|近)半(?![年月天日小个夜径])"
)
_HALF_AN_HOUR = re.compile(
    r"(?<!and a )(?<!and one )\bhalf(?: an?)?[ -]hour\b|(?<![个\d])半个?(?:小时|钟头)"
)

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


def share_values(text: str, plain: str) -> set[Decimal]:
    """What shares and halves in words come to: percents, minutes, two and a half as 2.5.

    For what a passage holds only: each is one more reading of its words. `plain` is `text`
    normalised; fractions are read from `text`, as in `plain` 3/4 may be a date.
    """
    found: set[Decimal] = set()
    for match in _TENTHS.finditer(plain):
        found |= {Decimal(10 * _digit(digit)) for digit in match.group("low", "high") if digit}
        if match["half"]:
            found.add(Decimal(10 * _digit(match["high"]) + 5))
    for match in _FRACTION.finditer(text):
        part, whole = _digit(match["part"]), _digit(match["whole"])
        if part < whole:
            found.add(Decimal(100 * part) / whole)
    for match in _AND_A_HALF.finditer(plain):
        count = match["digits"] or match["han"] or _SMALL.get(match["word"])
        if count is not None:
            found.add(Decimal(count) + Decimal("0.5"))
    if _HALF.search(plain):
        found.add(Decimal(50))
    if _HALF_AN_HOUR.search(plain):
        found.add(Decimal(30))
    return found


def _digit(digit: str) -> int:
    return int(digit) if digit.isdecimal() else _HAN[digit]


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
