"""Colours as style sheets and documents write them, and whether two can be told apart."""

from __future__ import annotations

import re
from typing import Literal

Colour = tuple[int, int, int]
Unknown = Literal["unknown"]

FAINTEST = 8
"""Steps of 255 that a colour must differ from what is behind it, to be seen at all."""
WHITE: Colour = (255, 255, 255)
_NAMED: dict[str, Colour] = {
    "white": (255, 255, 255),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255),
    "floralwhite": (255, 250, 240),
    "whitesmoke": (245, 245, 245),
    "black": (0, 0, 0),
    "silver": (192, 192, 192),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "maroon": (128, 0, 0),
    "yellow": (255, 255, 0),
    "olive": (128, 128, 0),
    "lime": (0, 255, 0),
    "green": (0, 128, 0),
    "aqua": (0, 255, 255),
    "teal": (0, 128, 128),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "fuchsia": (255, 0, 255),
    "purple": (128, 0, 128),
    "orange": (255, 165, 0),
}
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_RGB = re.compile(
    r"rgba?\(\s*([\d.]+%?)[\s,]+([\d.]+%?)[\s,]+([\d.]+%?)(?:\s*[,/]\s*([\d.]+%?))?\s*\)"
)
_SIX_DIGITS = re.compile(r"[0-9A-Fa-f]{6}")


def alike(colour: Colour, other: Colour, opacity: float = 1.0) -> bool:
    """Whether no reader sees one on the other."""
    apart = max(abs(a - b) for a, b in zip(colour, other, strict=True))
    return apart * opacity <= FAINTEST


def hex_colour(value: str | None) -> Colour | None:
    """Six digits, as Office writes colours."""
    if value is None or not _SIX_DIGITS.fullmatch(value):
        return None
    return int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16)


def parse_colour(value: str) -> tuple[Colour, float] | None:
    """Colour and opacity; None for a notation that is not known."""
    value = value.strip().lower()
    if value == "transparent":
        return (0, 0, 0), 0.0
    if value in _NAMED:
        return _NAMED[value], 1.0
    if match := _HEX.fullmatch(value):
        digits = match[1] if len(match[1]) > 4 else "".join(2 * digit for digit in match[1])
        red, green, blue, *rest = (int(digits[n : n + 2], 16) for n in range(0, len(digits), 2))
        return (red, green, blue), rest[0] / 255 if rest else 1.0
    if match := _RGB.fullmatch(value):
        red, green, blue = (round(_share(match[n], 255) * 255) for n in (1, 2, 3))
        return (red, green, blue), _share(match[4], 1) if match[4] else 1.0
    return None


def _share(number: str, whole: float) -> float:
    share = float(number[:-1]) / 100 if number.endswith("%") else float(number) / whole
    return min(1.0, share)
