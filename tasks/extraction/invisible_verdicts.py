"""Reads the characters of a PDF page, and finds out of each whether it is seen, or why not.

Only pages that a first look finds suspicious are read this closely.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium

from tasks.extraction.invisible_chars import PageChars, Verdict
from tasks.extraction.invisible_ink import Boxes, DrawnAlone, Rendering
from tasks.extraction.invisible_objects import (
    NO_PAINT,
    ONLY_CLIP,
    Box,
    PageFrame,
    PageObjects,
    TextObject,
    clip_boxes,
    is_embedded,
    type_size,
)

SMALLEST_PT = 1.0
_TINY_BOX_PT = 1.5
_SHARED_PLACE = 0.05


def is_tiny(text: TextObject) -> bool:
    """By its size and by its box: bitmap fonts count sizes in units of their own."""
    _, top, _, bottom = text.box
    return bottom - top < _TINY_BOX_PT and type_size(text) < SMALLEST_PT


def read_chars(
    document: Any,
    page: Any,
    frame: PageFrame,
    objects: PageObjects,
    rendering: Rendering | None,
    *,
    scanned: bool,
    looks_blank: Callable[[Box], bool],
    looks_own_colour: Callable[[TextObject], bool],
) -> PageChars:
    """`rendering` is needed where any text paints. The two callables ask another renderer."""
    by_address = {_address(text.handle): text for text in objects.texts}
    texts: list[str] = []
    places: list[Box] = []
    owners: list[TextObject] = []
    textpage = page.get_textpage()
    try:
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        for index in range(pdfium.FPDFText_CountChars(textpage)):
            code = pdfium.FPDFText_GetUnicode(textpage, index)
            if code <= 32 or code > 0x10FFFF or chr(code).isspace():
                continue
            owner = by_address.get(_address(pdfium.FPDFText_GetTextObject(textpage, index)))
            if owner is None:  # PDFium adds hyphens and spaces that no object holds
                continue
            if not pdfium.FPDFText_GetCharBox(textpage, index, left, right, bottom, top):
                continue
            if 0xDC00 <= code <= 0xDFFF and texts and "\ud800" <= texts[-1] <= "\udbff":
                texts[-1] = _joined(texts[-1], code)  # the second half of one character
                continue
            texts.append(chr(code))
            places.append(frame.shown(left.value, bottom.value, right.value, top.value))
            owners.append(owner)
    finally:
        textpage.close()
    boxes: Boxes = np.array(places, dtype=np.float64).reshape(-1, 4)
    all_boxes: Boxes = np.array([t.box for t in objects.texts], dtype=np.float64).reshape(-1, 4)
    painted = rendering.painted_by(owners, boxes).tolist() if rendering is not None else []
    whole_objects: dict[int, Verdict | None] = {}
    unpainted: dict[int, _Unpainted] = {}
    verdicts: list[Verdict] = []
    for index, owner in enumerate(owners):
        key = id(owner)
        if key not in whole_objects:
            whole_objects[key] = _of_object(owner, rendering, scanned, looks_own_colour, all_boxes)
        verdict = whole_objects[key]
        box = places[index]
        if frame.is_outside((*_centre(box), *_centre(box))):
            verdict = "off_page"
        elif verdict is None and painted[index]:
            verdict = "seen"
        elif verdict is None:
            if key not in unpainted:
                unpainted[key] = _Unpainted(document, page, owner, frame)
            hidden = unpainted[key].is_hidden(box, looks_blank)
            verdict = ("if_inked" if scanned else "covered") if hidden else "seen"
        verdicts.append(verdict)
    return PageChars(texts, boxes, verdicts)


def _of_object(
    text: TextObject,
    rendering: Rendering | None,
    scanned: bool,
    looks_own_colour: Callable[[TextObject], bool],
    all_boxes: Boxes,
) -> Verdict | None:
    """The verdict on all characters of an object; None where each has its own."""
    if text.mode == NO_PAINT:
        return "if_inked" if scanned else "render_mode"
    if text.mode == ONLY_CLIP:  # what is painted through it, a gradient say, shows its shape
        return "if_inked"
    if is_tiny(text):
        return "size"
    if rendering is None:
        return "seen"
    if not rendering.has_own_colour_behind(text) or not looks_own_colour(text):
        return None
    # A pattern or a way of blending may show it all the same, unless the ink is another text's.
    if rendering.stands_out(text.box) and not _meets_another(text, all_boxes):
        return None
    return "colour"


def _meets_another(text: TextObject, all_boxes: Boxes) -> bool:
    """Whether another text object takes some of the same place."""
    left, top, right, bottom = text.box
    width = np.minimum(all_boxes[:, 2], right) - np.maximum(all_boxes[:, 0], left)
    height = np.minimum(all_boxes[:, 3], bottom) - np.maximum(all_boxes[:, 1], top)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    least = _SHARED_PLACE * (right - left) * (bottom - top)
    return int((shared > least).sum()) > 1  # itself


class _Unpainted:
    """An object some characters of which change nothing on the page."""

    def __init__(self, document: Any, page: Any, text: TextObject, frame: PageFrame) -> None:
        self._text = text
        self._clips = clip_boxes(text, frame)
        self._upright = frame.turned == 0
        self._alone = DrawnAlone(document, page, text)

    def is_hidden(self, box: Box, looks_blank: Callable[[Box], bool]) -> bool:
        if any(not _meet(box, clip) for clip in self._clips):
            return True
        if self._alone.any():
            # Else a blank glyph among others: a soft hyphen, a character that the font lacks.
            return not self._upright or self._alone.at(box)
        # No mark even alone: the glyphs are blank, or the renderer does not have the font.
        return is_embedded(self._text) and looks_blank(self._text.box)


def _meet(box: Box, other: Box) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def _joined(high: str, low: int) -> str:
    return chr(0x10000 + ((ord(high) - 0xD800) << 10) + (low - 0xDC00))


def _centre(box: Box) -> tuple[float, float]:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
