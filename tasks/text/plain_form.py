"""The plain form of text that may be disguised: for recognising it, never for storing it.

Full-width and accented letters, letters of other scripts that look Latin, invisible characters,
letters set apart by blanks or dots: all of them come out as plain small letters. Traditional
Chinese comes out as simplified.
"""

from __future__ import annotations

import re
import unicodedata

from clara_model.text.normalise import to_simplified
from clara_model.text.scripts import HAN_CLASS

# Format characters, fillers and variation selectors. Tag characters among them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
# Cyrillic and Greek letters that look like Latin ones, after case folding.
_LOOKALIKES = str.maketrans("аеіјкорсухѕһԁԛԝмтгαεικνορτυχ", "aeijkopcyxshdqwmtraeikvoptux")
_HAN = re.compile(f"[{HAN_CLASS}]")
_SPACE = re.compile(r"\s+")
_SPACE_BETWEEN_HAN = re.compile(rf"(?<=[{HAN_CLASS}]) (?=[{HAN_CLASS}])")
_GAP = r"[^\w\n]{1,3}|_"
# "i g n o r e" and "忽.略.以.上": from five single characters on.
_SPACED_LETTERS = re.compile(rf"(?<![^\W_])(?:[^\W\d_{HAN_CLASS}](?:{_GAP})){{4,}}[^\W\d_](?!\w)")
_SPACED_HAN = re.compile(rf"(?<![{HAN_CLASS}])(?:[{HAN_CLASS}](?:{_GAP})){{4,}}[{HAN_CLASS}]")
_ANY_GAP = re.compile(r"[\W_]+")


def plain_form(text: str) -> str:
    """Small letters without accents, single spaces, none between Han characters."""
    text = unicodedata.normalize("NFKD", _INVISIBLE.sub("", text))
    text = "".join(c for c in text if c.isascii() or unicodedata.category(c) != "Mn")
    text = unicodedata.normalize("NFKC", text).casefold().translate(_LOOKALIKES)
    if _HAN.search(text):
        text = to_simplified(text)
    text = _SPACED_LETTERS.sub(_joined, text)
    text = _SPACED_HAN.sub(_joined, text)
    return _SPACE_BETWEEN_HAN.sub("", _SPACE.sub(_one_space, text))


def hidden_ascii(text: str) -> str:
    """What tag characters spell: nobody sees it, and a model may read it. Mostly empty."""
    runs = (run[0] for run in _TAGS.finditer(text))
    return "\n".join("".join(chr(ord(tag) - 0xE0000) for tag in run) for run in runs)


def _joined(spaced: re.Match[str]) -> str:
    return _ANY_GAP.sub("", spaced[0])


def _one_space(space: re.Match[str]) -> str:
    return "\n" if "\n" in space[0] else " "
