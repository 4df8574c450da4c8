"""How an element of a web page looks, as far as that decides whether its text is seen.

Only declarations that hide text are read: `display`, `visibility`, `opacity`, the size and colour
of type against its background, and the ways to push a box out of view. What cannot be told (a
background picture, a colour in an unknown notation) counts as seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tasks.extraction.invisible import Cause
from tasks.extraction.invisible_colours import (
    WHITE,
    Colour,
    Unknown,
    alike,
    parse_colour,
)

_FAINTEST_OPACITY = 0.03
_SMALLEST_PX = 1.0
_FAR_PX = 900.0

PROPERTIES = frozenset(
    (
        "display",
        "visibility",
        "opacity",
        "font-size",
        "font",
        "color",
        "background",
        "background-color",
        "position",
        "left",
        "top",
        "right",
        "bottom",
        "text-indent",
        "clip",
        "clip-path",
        "width",
        "height",
        "max-width",
        "max-height",
        "overflow",
        "text-shadow",
        "-webkit-background-clip",
        "background-clip",
        "-webkit-text-fill-color",
    )
)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*(px|pt|em|rem|ex|ch|%|vw|vh|cm|mm|in|pc)?")
_PIXELS = {
    "px": 1.0,
    "pt": 4 / 3,
    "em": 16.0,
    "rem": 16.0,
    "ex": 8.0,
    "ch": 8.0,
    "vw": 10.0,
    "vh": 10.0,
    "cm": 37.8,
    "mm": 3.78,
    "in": 96.0,
    "pc": 16.0,
}
_CLIPPED_AWAY = re.compile(
    r"rect\(\s*([01])(?:px)?[\s,]+\1?[01]?(?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?\s*\)"
    r"|inset\(\s*(?:50|100)%"
)
_NO_BACKGROUND = frozenset({"", "none", "transparent", "inherit", "initial", "unset"})
_NO_COLOUR = frozenset({"", "inherit", "initial", "unset", "currentcolor", "revert"})


def declarations(style: str) -> dict[str, tuple[str, bool]]:
    """Declarations that matter here, lower case: the value, and whether it is important."""
    found: dict[str, tuple[str, bool]] = {}
    for part in _COMMENT.sub(" ", style).split(";"):
        name, colon, value = part.partition(":")
        name = name.strip().lower()
        if not colon or name not in PROPERTIES:
            continue
        value, bang, _ = value.strip().lower().partition("!")
        important = bool(bang)
        if important or not found.get(name, ("", False))[1]:
            found[name] = value.strip(), important
    return found


@dataclass(frozen=True)
class Look:
    """What an element passes on to what is inside it."""

    gone: Cause | None = None
    """Why nothing inside can be seen, whatever it declares."""
    invisible: bool = False
    """`visibility`: inside, it can be turned on again."""
    size_px: float = 16.0
    colour: Colour | Unknown = (0, 0, 0)
    opacity: float = 1.0
    """Of the colour alone."""
    background: Colour | Unknown = WHITE
    decorated: bool = False
    """A shadow, or a picture in the shape of the letters, shows text of any colour."""

    @property
    def cause(self) -> Cause | None:
        """Why text right here is not seen; None where it is."""
        if self.gone is not None:
            return self.gone
        if self.invisible:
            return "hidden"
        if self.size_px < _SMALLEST_PX + 0.01:
            return "size"
        if self.decorated or self.colour == "unknown":
            return None
        if self.opacity <= _FAINTEST_OPACITY:
            return "covered"
        if self.background == "unknown":
            return None
        return "colour" if alike(self.colour, self.background, self.opacity) else None

    def inside(self, css: Mapping[str, str], attributes: Mapping[str, str]) -> Look:
        """The look of an element in here, with the declarations that apply to it."""
        colour, opacity = _text_colour(css, attributes, (self.colour, self.opacity))
        return replace(
            self,
            gone=self.gone or _gone(css, attributes),
            invisible=_invisible(css, self.invisible),
            size_px=_size(css, self.size_px),
            background=_background(css, attributes, self.background),
            decorated=self.decorated or _decorated(css),
            colour=colour,
            opacity=opacity,
        )


def _gone(css: Mapping[str, str], attributes: Mapping[str, str]) -> Cause | None:
    if css.get("display") == "none" or ("hidden" in attributes and "display" not in css):
        return "hidden"
    opacity = _number(css.get("opacity", ""))
    if opacity is not None and opacity <= _FAINTEST_OPACITY:
        return "covered"
    away = [css.get("text-indent", "")]
    if css.get("position") in ("absolute", "fixed", "relative"):
        away += [css.get(side, "") for side in ("left", "top", "right", "bottom")]
        if _CLIPPED_AWAY.search(css.get("clip", "")):
            return "off_page"
    if any((pixels(length) or 0.0) <= -_FAR_PX for length in away):
        return "off_page"
    if _CLIPPED_AWAY.search(css.get("clip-path", "")):
        return "off_page"
    flat = any(
        (length := pixels(css.get(side, ""))) is not None and length < 2
        for side in ("width", "height", "max-width", "max-height")
    )
    return "off_page" if flat and css.get("overflow", "").startswith(("hidden", "clip")) else None


def _invisible(css: Mapping[str, str], inherited: bool) -> bool:
    value = css.get("visibility", "inherit")
    if value in ("hidden", "collapse"):
        return True
    return inherited if value in ("inherit", "unset", "") else False


def _size(css: Mapping[str, str], inherited: float) -> float:
    value = css.get("font-size", "")
    if not value and "font" in css:
        value = next((w for w in css["font"].split() if _LENGTH.match(w) and not w.isdigit()), "")
        value = value.split("/")[0]
    match = _LENGTH.fullmatch(value)
    if match is None:  # `small`, `inherit`, nothing
        return inherited if value in ("", "inherit", "unset") or "calc" in value else 16.0
    number, unit = float(match[1]), match[2]
    if unit in ("em", "%"):
        return inherited * (number / 100 if unit == "%" else number)
    return number * _PIXELS.get(unit or "px", 1.0)


def _text_colour(
    css: Mapping[str, str],
    attributes: Mapping[str, str],
    inherited: tuple[Colour | Unknown, float],
) -> tuple[Colour | Unknown, float]:
    value = css.get("-webkit-text-fill-color") or css.get("color")
    value = value or attributes.get("color") or attributes.get("text", "")
    if value.strip().lower() in _NO_COLOUR:
        return inherited
    return parse_colour(value) or ("unknown", 1.0)


def _background(
    css: Mapping[str, str], attributes: Mapping[str, str], inherited: Colour | Unknown
) -> Colour | Unknown:
    if attributes.get("background"):
        return "unknown"
    background = css.get("background", "")
    if "url(" in background or "gradient" in background:
        return "unknown"
    value = css.get("background-color") or background or attributes.get("bgcolor", "").lower()
    if value in _NO_BACKGROUND:
        return inherited
    words = (parse_colour(word) for word in value.split())
    found = parse_colour(value) or next((word for word in words if word is not None), None)
    if found is None:
        return "unknown"
    colour, opacity = found
    if opacity <= _FAINTEST_OPACITY:
        return inherited
    return colour if opacity > 0.97 else "unknown"


def _decorated(css: Mapping[str, str]) -> bool:
    clipped = css.get("-webkit-background-clip") or css.get("background-clip", "")
    return "text" in clipped or css.get("text-shadow", "none") not in ("none", "", "inherit")


def _number(value: str) -> float | None:
    match = _LENGTH.fullmatch(value.strip())
    if match is None:
        return None
    return float(match[1]) / 100 if match[2] == "%" else float(match[1])


def pixels(value: str) -> float | None:
    """A length; None for a share of something else, a word, or nothing."""
    match = _LENGTH.fullmatch(value.strip())
    if match is None or match[2] == "%":
        return None
    return float(match[1]) * _PIXELS.get(match[2] or "px", 1.0)
