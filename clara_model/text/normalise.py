"""One spelling for everything that may be spelled in several ways.

    NFKC, traditional to simplified, case, punctuation, whitespace, numerals, dates

The result is for comparing, never for storing or showing: it drops spaces beside Han
characters (`使用 GPU 训练` and `使用GPU训练` are the same sentence) and digit grouping.
`normalise(normalise(text)) == normalise(text)`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from clara_model.text.dates import iso_dates
from clara_model.text.numerals import arabic_numerals
from clara_model.text.scripts import HAN_CLASS

# Soft hyphen, zero-width characters, direction marks, byte order mark, variation selectors:
# nobody sees them, and PDF and Word text is full of them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]"
)
# NFKC glues these to the digit before them: 2½ would become 21/2 and 10² would become 102.
_GLUED_FRACTION = re.compile("(?<=[0-9０-９])(?=[\u00bc-\u00be\u2150-\u215f\u2189])")
_GLUED_POWER = re.compile("(?<=[0-9０-９])(?=[\u00b2\u00b3\u00b9\u2070\u2074-\u207b])")
_WIDE_GROUPING = re.compile("(?<=[０-９])，(?=[０-９]{3})")
# 100，200 and 100、200 are two numbers, while 100,200 is one.
_LIST_COMMA = re.compile("[，、﹐﹑､]")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)")

_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
        **dict.fromkeys("“”„‟″«»「」『』《》〈〉〝〞〟", '"'),
        **dict.fromkeys("‐‑‒–—―−﹣─━", "-"),
        **dict.fromkeys("。｡", "."),
        **dict.fromkeys("【〔〖", "["),
        **dict.fromkeys("】〕〗", "]"),
        **dict.fromkeys("・•‧∙⋅", "·"),
        "〜": "~",
        "⁄": "/",
        "∕": "/",
        "∶": ":",
        "×": "x",
    }
)
_DASHES = re.compile("-{2,}")
_DOTS = re.compile(r"\.{3,}")
_SPACE = re.compile(r"\s+")
_SPACE_BESIDE_HAN = re.compile(f"(?<=[{HAN_CLASS}]) | (?=[{HAN_CLASS}])")
_SPACE_AFTER_HAN_STOP = re.compile(rf"(?<=[{HAN_CLASS}][.,:;!?]) ")
_HAN = re.compile(f"[{HAN_CLASS}]")
_PERCENT = re.compile(r"(?<=\d) ?(?:%|per ?cent\b)")


# Rules look at the same questions, answers and passages one after another.
@lru_cache(maxsize=1024)
def normalise(text: str) -> str:
    """The form of `text` in which equal meanings compare equal. Never stored."""
    text = _INVISIBLE.sub("", text)
    text = _WIDE_GROUPING.sub(",", text)
    text = _LIST_COMMA.sub(", ", text)
    text = _GLUED_FRACTION.sub(" ", text)
    text = _GLUED_POWER.sub("^", text)
    text = unicodedata.normalize("NFKC", text)
    if _HAN.search(text):
        text = to_simplified(text)
    text = unicodedata.normalize("NFKC", text.casefold()).translate(_PUNCTUATION)
    # Rewriting one number may bring another to light (1万零日), so until nothing changes; each
    # round leaves fewer Han numerals.
    while (settled := _settle(text)) != text:
        text = settled
    return text


def _settle(text: str) -> str:
    """Spaces, rows of dots, numbers and dates in their one form."""
    text = _SPACE.sub(" ", text).strip()
    text = _SPACE_BESIDE_HAN.sub("", text)
    text = _SPACE_AFTER_HAN_STOP.sub("", text)
    text = _DOTS.sub("...", _DASHES.sub("-", text))
    text = _GROUPED.sub(lambda match: match[0].replace(",", ""), text)
    text = _PERCENT.sub("%", arabic_numerals(text))
    return iso_dates(text)


def to_simplified(text: str) -> str:
    """Traditional Chinese as simplified; anything else unchanged."""
    return _converter().convert(text)


@lru_cache(maxsize=1)
def _converter():  # type: ignore[no-untyped-def]
    import opencc

    return opencc.OpenCC("t2s")
