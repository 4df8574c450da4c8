"""Dates in one form: 2026-11-22, and 2026-11 for a month.

Read are 2026年11月22日 (also 号), 2026-1-5, 2026/11/22, 2026.11.22, 22 November 2026,
November 22nd, 2026 and their short months. Dates without a year, and those whose order of day
and month is anybody's guess (03/04/2026), stay as they are.
"""

from __future__ import annotations

import re

from clara_model.text.scripts import set_apart

_MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        (
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ),
        start=1,
    )
    for length in (3, len(name))
} | {"sept": 9}
_MONTH = "(?P<month>" + "|".join(sorted(_MONTHS, key=lambda name: (-len(name), name))) + r")\b\.?"
_DAY = r"(?P<day>\d{1,2})"
_YEAR = r"(?P<year>(?:1[5-9]|20|21)\d\d)"

_FORMS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<!\d){_YEAR}年(?P<month>\d{{1,2}})月(?:{_DAY}[日号])?",
        rf"(?<![\d./-]){_YEAR}(?P<sep>[-/.])(?P<month>\d{{1,2}})(?P=sep){_DAY}(?![\d/-]|\.\d)",
        rf"(?<![\w.]){_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH},? {_YEAR}(?!\d)",
        rf"(?<!\w){_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}(?!\d)",
        rf"(?<!\w){_MONTH},? {_YEAR}(?!\d)",
    )
)


def iso_dates(text: str) -> str:
    """`text`, already in lower case and with Arabic numerals, with its dates as YYYY-MM[-DD]."""
    for form in _FORMS:
        text = form.sub(_iso, text)
    return text


def _iso(match: re.Match[str]) -> str:
    parts = match.groupdict()
    month = _MONTHS.get(parts["month"]) or int(parts["month"])
    day = int(parts["day"]) if parts.get("day") else None
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return match[0]
    date = f"{parts['year']}-{month:02d}"
    if day is not None:
        date += f"-{day:02d}"
    return set_apart(date, match)
