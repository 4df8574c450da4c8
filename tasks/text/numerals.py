"""Chinese numerals as Arabic ones, where they are clearly numbers.

Most Chinese words that begin with a numeral are not numbers (一起, 万一, 三星, 十分), so a
numeral is converted only if

- it has a digit and a magnitude and reads as one number: 二十三, 一百零五, 三千万, 十二;
- it is a row of at least four digits, or of two with a 〇: 二〇二六, 一九九八, 五〇;
- it has a decimal point: 三点五;
- it stands behind 第, or in a fraction: 百分之三十 is 30%, 千分之三 is 3‰, 三分之二 is 2/3;
- it is a single character in front of a measure word or a unit: 三个, 十年, 五公里;
- its digits are Arabic already: 2.5万 is 25000.

What is no well-formed number stays: 七八, 二三十, 一五一十, 数百万, 千万.
"""

from __future__ import annotations

import re
from decimal import Decimal

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")}
_DIGITS |= {character: value for value, character in enumerate("〇壹贰叁肆伍陆柒捌玖")}
_DIGITS |= {"两": 2}
_SMALL = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_LARGE = {"万": 10**4, "亿": 10**8}

_D = "".join(_DIGITS)
_U = "".join(_SMALL) + "".join(_LARGE)
_NUMERAL = f"[{_D}{_U}]+(?:点[{_D}]+)?"
_MEASURES = (
    "小时|分钟|公里|千米|厘米|毫米|微米|纳米|英寸|英里|公斤|千克|毫克|毫升|美元|欧元|日元|港元|人民币|"
    "平方米|立方米|摄氏度|季度|个|只|条|件|台|页|章|节|位|名|人|次|天|年|月|日|号|楼|秒|米|克|吨|升|元|"
    "岁|种|类|项|套|组|家|层|级|步|倍|瓦|伏|份|张|本|辆|部|架|艘|座|栋|间|批|颗|粒|根|支|枚|幅|段|句|"
    "轮|届|期|例|款|遍|篇|卷|册|株|棵|匹|尺|寸|亩|度"
)
# Words in which a digit and a measure word are neither.
_WORDS = "五台山|五台县|三级跳|四季|一度|一部分|一级棒|一次性|一人称|一家人|两级分化|一份子|七号|一张一弛"

_FRACTION = re.compile(f"(?P<whole>[{_D}{_U}]+)分之(?P<part>{_NUMERAL}|\\d+(?:\\.\\d+)?)")
_ORDINAL = re.compile(f"(?<=第)[{_D}{_U}]+")
_ARABIC = re.compile(
    r"(?<![\d.])\d+(?:\.\d+)?[十百千]?[万亿]+(?![能用])|(?<![\d.])\d+(?:\.\d+)?[百千](?![兆分])"
)
_PLAIN = re.compile(f"(?P<word>{_WORDS})|(?P<numeral>{_NUMERAL})(?=(?P<measure>{_MEASURES})?)")


def arabic_numerals(text: str) -> str:
    """`text` (simplified Chinese, NFKC) with those numerals in Arabic digits."""
    if not re.search(f"[{_D}{_U}]", text):
        return text
    text = _FRACTION.sub(_fraction, text)
    text = _ORDINAL.sub(lambda match: _written(_value(match[0]), match[0]), text)
    text = _PLAIN.sub(_plain, text)
    return _ARABIC.sub(_scaled, text)


def _fraction(match: re.Match[str]) -> str:
    whole = match["whole"]
    denominator = Decimal(_SMALL[whole]) if whole in ("百", "千") else _value(whole)
    if whole == "万":
        denominator = Decimal(10**4)
    part = match["part"]
    if part in ("百", "千", "万"):
        numerator: Decimal | None = Decimal({"百": 100, "千": 1000, "万": 10**4}[part])
    else:
        numerator = Decimal(part) if part[0].isascii() else _value(part)
    if denominator is None or numerator is None:
        return match[0]
    sign = {"百": "%", "千": "‰"}.get(whole)
    return f"{numerator}{sign}" if sign else f"{numerator}/{denominator}"


def _plain(match: re.Match[str]) -> str:
    numeral = match["numeral"]
    if numeral is None:
        return match[0]
    has_digit = any(character in _DIGITS for character in numeral)
    if len(numeral) == 1:
        clear = match["measure"] is not None and (has_digit or numeral == "十")
    elif "点" in numeral:
        # 一点 and 三点一刻 tell the time or mean "a little"; 三点五 is a decimal.
        clear = has_digit
    elif all(character in _DIGITS for character in numeral):
        clear = len(numeral) >= 4 or "〇" in numeral
    else:
        clear = has_digit or numeral.startswith("十")
    return _written(_value(numeral), numeral) if clear else numeral


def _scaled(match: re.Match[str]) -> str:
    number = re.match(r"[\d.]+", match[0])
    assert number is not None
    value = Decimal(number[0])
    for unit in match[0][number.end() :]:
        value *= (_SMALL | _LARGE)[unit]
    return _written(value, match[0])


def _written(value: Decimal | None, otherwise: str) -> str:
    if value is None:
        return otherwise
    return str(int(value)) if value == int(value) else format(value.normalize(), "f")


def _value(numeral: str) -> Decimal | None:
    """The number that `numeral` spells; None if it is no well-formed number."""
    whole, point, decimals = numeral.partition("点")
    value = _digits(whole) if all(c in _DIGITS for c in whole) else _magnitudes(whole)
    if value is None:
        return None
    if not point:
        return Decimal(value)
    return Decimal(f"{value}." + "".join(str(_DIGITS[character]) for character in decimals))


def _digits(numeral: str) -> int | None:
    if not numeral:
        return None
    return int("".join(str(_DIGITS[character]) for character in numeral))


def _magnitudes(numeral: str) -> int | None:
    """Reads 三千零五万 from the left: digits wait for the magnitude that follows them."""
    total = section = 0
    digit: int | None = None
    last_unit = 0
    zero = False
    for position, character in enumerate(numeral):
        if character in _DIGITS:
            value = _DIGITS[character]
            if value == 0:
                if digit is not None or position == 0:
                    return None
                zero = True
            elif digit is not None:
                return None
            else:
                digit = value
        elif character in _SMALL:
            unit = _SMALL[character]
            if digit is None:
                # Only ten may stand without a digit, at the head: 十二, 十万.
                if unit != 10 or section or zero:
                    return None
                digit = 1
            if last_unit and unit >= last_unit:
                return None
            section += digit * unit
            digit, last_unit, zero = None, unit, False
        else:
            unit = _LARGE[character]
            section += digit or 0
            if not section and not (character == "亿" and total):
                return None
            total = (total + section) * unit if unit > 10**4 else total + section * unit
            section, digit, last_unit, zero = 0, None, 0, False
    if digit is not None:
        previous = numeral[-2]
        if not zero and (unit := (_SMALL | _LARGE).get(previous, 0)) >= 100:
            digit *= unit // 10  # 三万五 is 35000, 一百八 is 180
        section += digit
    return total + section
