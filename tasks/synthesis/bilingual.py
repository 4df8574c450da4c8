"""Do a question and its counterpart in the other language ask about the same things?

Numbers, units and what stands in Latin letters in both survive a translation; everything else
may be worded in any way. Names are compared in one direction only, as 北京 is Beijing.
"""

from __future__ import annotations

from decimal import Decimal

from tasks.synthesis.names import comparable, is_code, latin_names
from tasks.synthesis.quantities import held_months, held_numbers, said_numbers, without_small_counts
from tasks.synthesis.unit_names import units
from tasks.text import count_han


def differences(question: str, counterpart: str) -> tuple[str, ...]:
    """What one of the two states and the other does not; empty where they agree."""
    found = [
        *_numbers_missing(question, counterpart),
        *_numbers_missing(counterpart, question),
        *_units_missing(question, counterpart),
        *_names_missing(question, counterpart),
    ]
    return tuple(dict.fromkeys(found))


def _numbers_missing(stated: str, other: str) -> list[str]:
    held, months = held_numbers(other), held_months(other)
    return [
        number.shown
        for number in said_numbers(without_small_counts(stated, other))
        if number.value not in held and not (number.value in months and number.value <= 12)
    ]


def _units_missing(one: str, other: str) -> list[str]:
    """A unit that one side alone names may be worded in the other; two that differ do not."""
    first, second = units(one), units(other)
    if first - second and second - first:
        return sorted(first ^ second)
    return []


def _worded(code: str, chinese: str) -> bool:
    """Q3 is 第三季度: one letter with a number may be said in words."""
    digits = comparable(code)[1:]
    return digits.isdecimal() and Decimal(digits) in held_numbers(chinese)


def _names_missing(one: str, other: str) -> list[str]:
    """Latin names of the Chinese question, and codes of either, that its counterpart lacks."""
    chinese, english = (one, other) if count_han(one) > count_han(other) else (other, one)
    in_english, in_chinese = comparable(english), comparable(chinese)
    missing = [name for name in latin_names(chinese) if comparable(name) not in in_english]
    missing += [
        name
        for name in latin_names(english)
        if is_code(name) and comparable(name) not in in_chinese and not _worded(name, chinese)
    ]
    return missing
