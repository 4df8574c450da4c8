"""Chinese numerals as Arabic ones, where they are clearly numbers.

Most Chinese words that begin with a numeral are not numbers (一起, 万一, 三星, 十分), so a
numeral is converted only if

- it has a digit and a magnitude and reads as one number: 二十三, 一百零五, 三千万, 十二;
- it is a row of at least four digits, or has a 〇: 一九九八, 二〇二六, 五〇;
- it has a decimal point: 三点五;
- it stands behind 第, or in a fraction: 百分之三十 is 30%, 千分之三 is 3‰, 三分之二 is 2/3;
- it is a single character in front of a measure word or a unit: 三个, 十年, 五公里;
- its digits are Arabic already: 2.5万 is 25000, 3万5千 is 35000.

What is no well-formed number stays: 七八, 二三十, 一五一十, 数百万, 千万.
"""

from __future__ import annotations

import re
from decimal import Decimal

from clara_model.text.scripts import set_apart

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")}
_DIGITS |= {character: value for value, character in enumerate("〇壹贰叁肆伍陆柒捌玖")}
_DIGITS |= {"两": 2}
_SMALL = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_LARGE = {"万": 10**4, "亿": 10**8}
_UNITS = _SMALL | _LARGE
# Characters. A longer row is no number that somebody would read, and 28 digits are exact.
_LONGEST = 20
_PERCENT_SIGNS = {"百": "%", "千": "‰"}

_D = "".join(_DIGITS)
_U = "".join(_UNITS)
_NUMERAL = f"[{_D}{_U}]+(?:点[{_D}]+(?!十))?"
_MEASURES = (
    "小时|分钟|点钟|公里|千米|厘米|毫米|微米|纳米|英寸|英里|公斤|千克|毫克|毫升|美元|欧元|日元|"
    "港元|人民币|平方米|立方米|摄氏度|季度|个|只|条|件|台|页|章|节|位|名|人|次|天|年|月|日|号|楼|秒|"
    "米|克|吨|升|元|岁|种|类|项|套|组|家|层|级|步|倍|瓦|伏|份|张|本|辆|部|架|艘|座|栋|间|批|颗|粒|"
    "根|支|枚|幅|段|句|轮|届|期|例|款|遍|篇|卷|册|株|棵|匹|尺|寸|亩|度"
)
# Words in which a digit before a measure word counts nothing.
_WORDS = (
    "五台山|三级跳|四季度?|一度|一部分|一次性|一家人|一人称|一级棒|一份子|两级分化|"
    "零[件日部售星食钱用头工]"
)

_FRACTION = re.compile(
    f"(?<![{_D}{_U}])(?P<whole>[{_D}{_U}]+)分之(?P<part>{_NUMERAL}|[0-9]+(?:\\.[0-9]+)?)"
)
_ORDINAL = re.compile(f"(?<=第)[{_D}{_U}]+")
_PLAIN = re.compile(f"(?P<word>{_WORDS})|(?P<numeral>{_NUMERAL})(?=(?P<measure>{_MEASURES})?)")
# 万能 and 万用 are words: "3.0万能" is no thirty thousand.
_ARABIC = re.compile(r"(?<![\d.])(?:\d+(?:\.\d+)?(?:[十百千]?[万亿]+(?![能用])|[百千](?!兆)))+")
_ARABIC_PART = re.compile(rf"([\d.]+)([{_U}]+)")
_ANY = re.compile(f"[{_D}{_U}]")


def arabic_numerals(text: str) -> str:
    """`text` (simplified Chinese, NFKC) with those numerals in Arabic digits."""
    if not _ANY.search(text):
        return text
    text = _FRACTION.sub(_fraction, text)
    text = _ORDINAL.sub(lambda match: _written(_value(match[0]), match), text)
    text = _PLAIN.sub(_plain, text)
    return _ARABIC.sub(_scaled, text)


def _fraction(match: re.Match[str]) -> str:
    denominator = _amount(match["whole"])
    numerator = _amount(match["part"])
    if denominator is None or numerator is None:
        return match[0]
    sign = _PERCENT_SIGNS.get(match["whole"])
    text = f"{_plain_text(numerator)}{sign or '/' + _plain_text(denominator)}"
    return set_apart(text, match)


def _amount(numeral: str) -> Decimal | None:
    """The value of a part of a fraction, where 百 alone is a hundred."""
    if len(numeral) > _LONGEST:
        return None
    if numeral in _UNITS:
        return Decimal(_UNITS[numeral])
    return Decimal(numeral) if numeral[0].isascii() else _value(numeral)


def _plain(match: re.Match[str]) -> str:
    numeral = match["numeral"]
    if numeral is None:
        return match[0]
    has_digit = any(character in _DIGITS for character in numeral)
    if len(numeral) == 1:
        clear = match["measure"] is not None and (has_digit or numeral == "十")
    elif "点" in numeral:
        clear = has_digit
    elif all(character in _DIGITS for character in numeral):
        clear = len(numeral) >= 4 or "〇" in numeral
    else:
        clear = has_digit or numeral.startswith("十")
    return _written(_value(numeral), match, numeral) if clear else numeral


def _scaled(match: re.Match[str]) -> str:
    """3万5千: each part times its magnitudes, as long as they get smaller."""
    if len(match[0]) > _LONGEST:
        return match[0]
    total, last = Decimal(0), None
    for number, units in _ARABIC_PART.findall(match[0]):
        scale = 1
        for unit in units:
            scale *= _UNITS[unit]
        if last is not None and scale >= last:
            return match[0]
        total, last = total + Decimal(number) * scale, scale
    return _written(total, match)


def _written(value: Decimal | None, match: re.Match[str], otherwise: str | None = None) -> str:
    if value is None:
        return match[0] if otherwise is None else otherwise
    return set_apart(_plain_text(value), match)


def _plain_text(value: Decimal) -> str:
    return str(int(value)) if value == int(value) else format(value.normalize(), "f")


def _value(numeral: str) -> Decimal | None:
    """The number that `numeral` spells; None if it is no well-formed number."""
    if len(numeral) > _LONGEST:
        return None
    whole, _, decimals = numeral.partition("点")
    if all(character in _DIGITS for character in whole):
        value: int | None = int("".join(str(_DIGITS[character]) for character in whole) or "0")
    else:
        value = _magnitudes(whole)
    if value is None:
        return None
    return Decimal(f"{value}." + "".join(str(_DIGITS[character]) for character in decimals))


def _magnitudes(numeral: str) -> int | None:
    """Reads 三千零五万 from the left; None where the order makes no number (二三十, 万一)."""
    total = section = 0
    digit: int | None = None
    zero = False
    last_small, last_large = 10**4, 10**12
    for position, character in enumerate(numeral):
        if character in _DIGITS:
            if digit is not None or (position == 0 and _DIGITS[character] == 0):
                return None
            if _DIGITS[character] == 0:
                zero = True
            else:
                digit = _DIGITS[character]
        elif character in _SMALL:
            unit = _SMALL[character]
            # Only ten may stand without a digit, and only at the head: 十二, 十万.
            if unit >= last_small or (digit is None and (unit != 10 or section or zero)):
                return None
            section += (digit or 1) * unit
            digit, last_small, zero = None, unit, False
        else:
            unit = _LARGE[character]
            section += digit or 0
            if section:
                if unit >= last_large:
                    return None
                total, last_large = total + section * unit, unit
            elif total and character == "亿" and numeral[position - 1] == "万":
                total, last_large = total * unit, unit  # 一万亿
            else:
                return None
            section, digit, zero, last_small = 0, None, False, 10**4
    if digit is not None and not zero:
        # 三万五 is 35000 and 一百八 is 180, but 十五 is 15 and 一百零八 is 108.
        digit *= max(_UNITS.get(numeral[-2], 10) // 10, 1)
    return total + section + (digit or 0)
