"""The numbers of a text, so that two spellings of one quantity compare equal.

`1.5万` is `15,000`, `１５％` is `15 percent`, `1.5 million` is `1,500,000`, `March 2021` is
`2021年3月`. What a text says is read narrowly (`said_numbers`), what a text holds generously
(`held_numbers`): comparing the two names what was invented, and lets pass what a reader of the
text could find in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from tasks.synthesis.number_words import MONTHS, roman_values, share_values, spelled_values
from tasks.text import normalise

_MAGNITUDES = {
    "hundred": Decimal(100),
    "thousand": Decimal(1000),
    "million": Decimal(10**6),
    "billion": Decimal(10**9),
    "trillion": Decimal(10**12),
    "万": Decimal(10**4),
    "亿": Decimal(10**8),
}
_SHORT_MAGNITUDES = {
    "k": Decimal(1000),
    "m": Decimal(10**6),
    "mn": Decimal(10**6),
    "b": Decimal(10**9),
    "bn": Decimal(10**9),
}
_SPELLED = "|".join(name for name in _MAGNITUDES if name.isascii())
_DATE = re.compile(r"(?<![\d.-])(?P<year>\d{4})-(?P<month>\d\d)(?:-(?P<day>\d\d))?(?![\d-])")
_VERSION = re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?!\.?\d)")
_DAY_FIRST = re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}")
# "3d", "10kg" and "1990s" begin with a number; "esp32" and "h2o" hold none.
_NUMBER = re.compile(
    rf"(?<![a-z0-9_.])(?<![a-z]-)(?P<number>\d+(?:\.\d+)?)(?: ?(?P<magnitude>{_SPELLED})s?\b)?"
)
_ANY_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_SHORT_MAGNITUDE = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<magnitude>k|mn?|bn?)\b")
# What is left of "26,827, and", where a comma follows the number.
_COMMA_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!,?\d)")
# 15千克 is fifteen of a unit, and no fifteen thousand.
_KILO = re.compile(r"(?<=[\d万亿])\s*千(?=[克米瓦帕卡伏赫焦牛])")
_SPACED_GROUPS = re.compile(r"(?<![\d.])\d{1,3}(?: \d{3})+(?![\d.])")
_RANGE = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)\s*(?:-|–|—|~|～|to|and|至|到)\s*\d+(?:\.\d+)?\s*"
    rf"(?P<magnitude>{_SPELLED}|万|亿)",
    re.IGNORECASE | re.ASCII,
)
# A table in thousands says so once: 单位：万元, "in millions".
_APART = re.compile(
    r"(?<![\d零一二三四五六七八九十百千数几上])(?<!\d )(?P<zh>[万亿])(?=[元人吨美股户件辆台平千])"
    rf"|(?<![\d\w])(?<!\d )(?P<en>{_SPELLED})s\b",
    re.IGNORECASE | re.ASCII,
)
_SHORT_RANGE = re.compile(r"(?<!\d)(?P<century>1\d|20)\d\d[-–—/](?P<last>\d\d)(?!\d)")
_SHORT_YEAR = re.compile(r"['’](?P<year>\d\d)(?!\d)")
_DECADE = re.compile(r"(?:(?P<century>\d\d)世纪|上世纪)?(?<!\d)(?P<decade>\d0)年代")
# 哪一台, 每一个, 一种: an article and no number.
_LONE_ONE = re.compile(
    r"(?<![\d第零一二两三四五六七八九十百千万亿点])一(?![\d零一二三四五六七八九十百千万亿点])"
)
# 3月, 2021-03, 03/2021, 22.3.
_MONTHS = (
    re.compile(r"(?<!\d)(\d{1,2})(?=月|[/.-]\d{2,4}(?!\d))"),
    re.compile(r"\d[/.-](\d{1,2})(?!\d)"),
)
# A row of three things may be called three: 三种方法, 3个原因. But 3个月 measures.
_SMALL_COUNT = re.compile(
    r"(?<![\d.第每一二三四五六七八九十百千万])(?P<count>10|[1-9]|[一二两三四五六七八九十])"
    r"\s?(?P<counter>[个种项点条类步位名方大部])(?!月|小时|星期|世纪|百分)"
)


@dataclass(frozen=True)
class Said:
    """A number as a text states it: `shown` names it to a person."""

    value: Decimal
    shown: str
    month: bool = False


def said_numbers(text: str) -> tuple[Said, ...]:
    """Every number that `text` states in digits or clear numerals, in order.

    Left out are digits inside codes (`ESP32`) and versions: those are names. A date states its
    year, its month and its day.
    """
    return tuple(_said(_plain(_LONE_ONE.sub("某", text))))


def said_versions(text: str) -> tuple[str, ...]:
    """Versions and addresses such as 3.9.1: no numbers, and no dates."""
    found = _VERSION.findall(_plain(text))
    return tuple(version for version in found if not _DAY_FIRST.fullmatch(version))


def without_small_counts(text: str, given: str) -> str:
    """`text` without counts of up to ten things, save those that `given` counts in another way."""
    counted = {match["counter"] for match in _SMALL_COUNT.finditer(given)}
    return _SMALL_COUNT.sub(
        lambda match: match[0] if match["counter"] in counted else match["counter"], text
    )


def held_numbers(text: str) -> frozenset[Decimal]:
    """Every number that a reader could take from `text`, in any reading of it."""
    plain = _plain(text)
    held = {said.value for said in _said(plain)}
    held |= {Decimal(digits) for digits in _ANY_DIGITS.findall(plain)}
    held |= {Decimal(part) for version in _VERSION.findall(plain) for part in version.split(".")}
    held |= spelled_values(plain) | share_values(text, plain) | roman_values(text)
    for match in _RANGE.finditer(text):
        held.add(Decimal(match["number"]) * _MAGNITUDES[match["magnitude"].lower()])
    for match in _SHORT_MAGNITUDE.finditer(plain):
        held.add(Decimal(match["number"]) * _SHORT_MAGNITUDES[match["magnitude"]])
    for match in _SHORT_RANGE.finditer(text):
        held.add(Decimal(match["century"] + match["last"]))
    for match in _SHORT_YEAR.finditer(text):
        held |= {Decimal(f"19{match['year']}"), Decimal(f"20{match['year']}")}
    held |= {_decade(match) for match in _DECADE.finditer(plain)}
    for factor in {_MAGNITUDES[m["zh"] or m["en"].lower()] for m in _APART.finditer(text)}:
        held |= {value * factor for value in list(held)}
    return frozenset(held)


def held_months(text: str) -> frozenset[int]:
    """Months that `text` names, in words or in dates."""
    plain = normalise(text)
    found = {int(month) for form in _MONTHS for month in form.findall(plain)}
    found |= {MONTHS[word] for word in re.findall(r"[a-z]+", plain) if word in MONTHS}
    return frozenset(found)


def _decade(match: re.Match[str]) -> Decimal:
    """The first year of 20世纪90年代; of 90年代 the last century's."""
    return (Decimal(match["century"] or 20) - 1) * 100 + Decimal(match["decade"])


def _plain(text: str) -> str:
    plain = normalise(_KILO.sub(" k", text))
    return _COMMA_GROUPS.sub(lambda match: match[0].replace(",", ""), plain)


def _said(plain: str) -> list[Said]:
    found: list[Said] = []
    for date in _DATE.finditer(plain):
        found.append(Said(Decimal(date["year"]), date[0]))
        found.append(Said(Decimal(date["month"]), date[0], month=True))
        if date["day"]:
            found.append(Said(Decimal(date["day"]), date[0]))
    found += [Said(_decade(match), match[0]) for match in _DECADE.finditer(plain)]
    rest = _DECADE.sub(" ", _VERSION.sub(" ", _DATE.sub(" ", plain)))
    rest = _SPACED_GROUPS.sub(lambda match: match[0].replace(" ", ""), rest)
    for match in _NUMBER.finditer(rest):
        factor = _MAGNITUDES[match["magnitude"]] if match["magnitude"] else Decimal(1)
        found.append(Said(Decimal(match["number"]) * factor, match[0].strip()))
    return found
