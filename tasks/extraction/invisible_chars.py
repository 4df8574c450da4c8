"""The characters of a PDF page with a verdict each: seen, or why not.

Only pages that a first look finds suspicious are read this closely.
"""

from __future__ import annotations

import ctypes
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pypdfium2.raw as pdfium

from tasks.extraction.invisible import Cause
from tasks.extraction.invisible_ink import Boxes, DrawnAlone, Flags, Rendering
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
_NEAR_PT = 3.0
_SHARED_PLACE = 0.05
Verdict = Cause | Literal["seen", "if_inked"]
"""`if_inked`: seen where the page shows ink at its place, whatever paints that ink."""


@dataclass(frozen=True)
class Judgement:
    """What is left of a cell's text."""

    kept: tuple[bool, ...] | None
    """For each character of the text that is no space; None where the cell stays or goes whole."""
    stays: bool
    cause: Cause = "covered"
    box: Box | None = None
    """Around the characters that are kept."""


_STAYS = Judgement(kept=None, stays=True)


class PageChars:
    """The characters on a page, spaces left out, in PDFium's order."""

    def __init__(self, texts: list[str], boxes: Boxes, verdicts: list[Verdict]) -> None:
        self.texts = texts
        self.boxes = boxes
        self.verdicts = verdicts
        self._xs = (boxes[:, 0] + boxes[:, 2]) / 2
        self._ys = (boxes[:, 1] + boxes[:, 3]) / 2
        self._doubtful = np.array([v not in ("seen", "off_page") for v in verdicts], dtype=bool)
        self._on_page = np.array([v != "off_page" for v in verdicts], dtype=bool)
        seen = [text for text, verdict in zip(texts, verdicts, strict=True) if verdict == "seen"]
        self.seen_text = _folded("".join(seen))

    @property
    def off_page(self) -> int:
        return self.verdicts.count("off_page")

    def any_doubtful(self) -> bool:
        return bool(self._doubtful.any())

    def touches_doubtful(self, box: Box) -> bool:
        return bool((self._doubtful & self._within(box)).any())

    def is_empty(self, box: Box) -> bool:
        return not (self._on_page & self._within(box)).any()

    def waits_for_ink(self, box: Box) -> bool:
        return any(self.verdicts[i] == "if_inked" for i in np.flatnonzero(self._within(box)))

    def settle(self, box: Box, *, seen: bool) -> None:
        """Whether there is ink where characters of a box need it."""
        for index in np.flatnonzero(self._within(box)):
            if self.verdicts[index] == "if_inked":
                self.verdicts[index] = "seen" if seen else "render_mode"

    def judge(self, text: str, box: Box, shows_ink: Callable[[Box], bool]) -> Judgement:
        """What of a cell's text is seen; `shows_ink` is asked about the cell's box if need be."""
        inside = np.flatnonzero(self._on_page & self._within(box))
        verdicts = [self.verdicts[i] for i in inside]
        if "if_inked" in verdicts:
            inked: Verdict = "seen" if shows_ink(box) else "render_mode"
            verdicts = [inked if verdict == "if_inked" else verdict for verdict in verdicts]
        causes = Counter(verdict for verdict in verdicts if verdict != "seen")
        if not causes:
            return _STAYS
        cause: Cause = causes.most_common(1)[0][0]  # type: ignore[assignment]
        goes = Judgement(kept=None, stays=False, cause=cause)
        whole = "".join(text.split())
        chars = [self.texts[i] for i in inside]
        seen = [verdict == "seen" for verdict in verdicts]
        if not any(seen):
            return goes if 2 * len(chars) >= len(whole) else _STAYS
        if "".join(chars) == whole:
            kept = tuple(flag for char, flag in zip(chars, seen, strict=True) for _ in char)
            return Judgement(kept, stays=True, cause=cause, box=self._around(inside[seen]))
        # Texts on top of each other, or spelt in another way than docling spells them.
        word = _folded(whole)
        if word in _folded("".join(c for c, s in zip(chars, seen, strict=True) if s)):
            return _STAYS
        if word in _folded("".join(c for c, s in zip(chars, seen, strict=True) if not s)):
            return goes
        return goes if 2 * sum(seen) < len(seen) else _STAYS

    def judge_flat(self, text: str, box: Box) -> Judgement:
        """On a cell without height or width: its font may only be described badly."""
        left, top, right, bottom = box
        near = (
            self._on_page
            & (self._xs >= left - 1)
            & (self._xs <= right + 1)
            & (self.boxes[:, 1] <= bottom + _NEAR_PT)
            & (self.boxes[:, 3] >= top - _NEAR_PT)
        )
        inside = np.flatnonzero(near)
        seen = [i for i in inside if self.verdicts[i] in ("seen", "if_inked")]
        if _folded("".join(text.split())) in _folded("".join(self.texts[i] for i in seen)):
            return _STAYS
        causes = Counter(self.verdicts[i] for i in inside if self.verdicts[i] != "seen")
        causes.pop("if_inked", None)
        cause: Cause = causes.most_common(1)[0][0] if causes else "size"  # type: ignore[assignment]
        return Judgement(kept=None, stays=False, cause=cause)

    def _within(self, box: Box) -> Flags:
        left, top, right, bottom = box
        found: Flags = (
            (self._xs >= left - 0.5)
            & (self._xs <= right + 0.5)
            & (self._ys >= top - 0.5)
            & (self._ys <= bottom + 0.5)
        )
        return found

    def _around(self, indices: Any) -> Box:
        boxes = self.boxes[indices]
        left, top = boxes[:, :2].min(axis=0)
        right, bottom = boxes[:, 2:].max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


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
    painted = rendering.painted(boxes).tolist() if rendering is not None else []
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
