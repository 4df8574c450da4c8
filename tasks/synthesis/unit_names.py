"""Units of measure behind a number, in one spelling for both languages."""

from __future__ import annotations

import re

from tasks.synthesis.wordlist import words
from tasks.text import normalise

# Single letters that are words or magnitudes as well (5 a day, 5 m) are left out.
_NAMES = {
    "mm": "mm millimetre millimeter 毫米",
    "cm": "cm centimetre centimeter 厘米",
    "km": "km kilometre kilometer 公里 千米",
    "nm": "nm nanometre nanometer 纳米",
    "m": "metre meter 米",
    "mile": "mile 英里",
    "inch": "inch inche 英寸",
    "mg": "mg milligram 毫克",
    "kg": "kg kilogram 公斤 千克",
    "g": "gram 克",
    "t": "ton tonne 吨",
    "ml": "ml millilitre milliliter 毫升",
    "l": "l litre liter 升",
    "s": "sec second 秒",
    "min": "min minute 分钟",
    "h": "hr hour 小时 个小时",
    "d": "day 天",
    "week": "week 周 星期 个星期",
    "month": "month 个月",
    "v": "v volt 伏 伏特",
    "kv": "kv kilovolt 千伏",
    "amp": "amp ampere 安 安培",
    "w": "w watt 瓦 瓦特",
    "kw": "kw kilowatt 千瓦",
    "hz": "hz hertz 赫兹",
    "mhz": "mhz megahertz 兆赫",
    "mb": "mb megabyte 兆字节",
    "gb": "gb gigabyte 吉字节",
    "°c": "°c celsius 摄氏度",
    "%": "%",
    "‰": "‰",
    "mpa": "mpa megapascal 兆帕",
    "kpa": "kpa kilopascal 千帕",
    "bar": "bar 巴",
}
_UNITS = {name: unit for unit, names in _NAMES.items() for name in words(names)}
_UNIT = re.compile(
    r"(?<![a-z0-9_.])\d+(?:\.\d+)?(?: |-|-? ?degrees )?(?P<unit>"
    + "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
    + r")(?P<plural>s?)(?![a-z])"
)
_KILO = {"千克": "公斤", "千瓦": " kw", "千米": "公里", "千帕": " kpa", "千伏": " kv"}
_KILO_AFTER_DIGIT = re.compile(r"(?<=[\d\s])(?:" + "|".join(_KILO) + ")")


def units(text: str) -> frozenset[str]:
    """Units that follow a number in `text`."""
    plain = normalise(_KILO_AFTER_DIGIT.sub(lambda match: _KILO[match[0]], text))
    return frozenset(_UNITS[match["unit"]] for match in _UNIT.finditer(plain))
