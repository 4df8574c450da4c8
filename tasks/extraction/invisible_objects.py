"""The text and image objects of a PDF page, as PDFium holds them.

docling's cells know neither colour nor transparency. PDFium's objects do, and they can be switched
off one by one, which shows what each of them adds to the page.

Boxes are left, top, right, bottom in points from the top left corner of the page as it is shown:
cropped and turned, like docling's cells.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from tasks.extraction.invisible_colours import Colour

Box = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]

_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_DEEPEST = 12
"""Of form objects inside each other."""
_FILLS = frozenset({0, 2, 4, 6})
_STROKES = frozenset({1, 2, 5, 6})
NO_PAINT = 3
ONLY_CLIP = 7


@dataclass(slots=True, eq=False)
class TextObject:
    """What one text-showing operator paints. A page may have one for each of its letters."""

    handle: Any
    box: Box
    mode: int
    colours: tuple[tuple[Colour, float], ...]
    """Each colour it paints in, and how opaque (0 to 1). Empty where it cannot be told."""
    matrix: Matrix
    """Of the form that holds it."""


@dataclass(frozen=True)
class PageObjects:
    texts: tuple[TextObject, ...]
    images: tuple[Box, ...]


class PageFrame:
    """From the coordinates of a PDF page to those of the page as it is shown."""

    def __init__(self, page: Any) -> None:
        self.left, self.bottom, self.right, self.top = page.get_bbox()
        self.turned = page.get_rotation() % 360
        self.width, self.height = page.get_size()

    def shown(self, left: float, bottom: float, right: float, top: float) -> Box:
        if self.turned == 90:
            return bottom - self.bottom, left - self.left, top - self.bottom, right - self.left
        if self.turned == 180:
            return self.right - right, bottom - self.bottom, self.right - left, top - self.bottom
        if self.turned == 270:
            return self.top - top, self.right - right, self.top - bottom, self.right - left
        return left - self.left, self.top - top, right - self.left, self.top - bottom

    def is_outside(self, box: Box) -> bool:
        left, top, right, bottom = box
        return right < 0 or bottom < 0 or left > self.width or top > self.height

    def sticks_out(self, box: Box, by: float) -> bool:
        left, top, right, bottom = box
        return left < -by or top < -by or right > self.width + by or bottom > self.height + by


def page_objects(page: Any, frame: PageFrame) -> PageObjects:
    texts: list[TextObject] = []
    images: list[Box] = []
    get = _Getter(frame)
    for handle, kind, matrix in _objects(page):
        box = get.box(handle, matrix)
        if box is None:
            continue
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            images.append(box)
        else:
            mode = pdfium.FPDFTextObj_GetTextRenderMode(handle)
            texts.append(TextObject(handle, box, mode, get.colours(handle, mode), matrix))
    return PageObjects(tuple(texts), tuple(images))


class _Getter:
    """PDFium's answers come in variables of C: the same ones for all objects."""

    def __init__(self, frame: PageFrame) -> None:
        self._frame = frame
        self._edges = tuple(ctypes.c_float() for _ in range(4))
        self._channels = tuple(ctypes.c_uint() for _ in range(4))

    def box(self, handle: Any, matrix: Matrix) -> Box | None:
        left, bottom, right, top = self._edges
        if not pdfium.FPDFPageObj_GetBounds(handle, left, bottom, right, top):
            return None
        xs, ys = (left.value, right.value), (bottom.value, top.value)
        if matrix is _IDENTITY and all(map(math.isfinite, (*xs, *ys))):
            return self._frame.shown(xs[0], ys[0], xs[1], ys[1])
        return _shown_around([(x, y) for x in xs for y in ys], matrix, self._frame)

    def colours(self, handle: Any, mode: int) -> tuple[tuple[Colour, float], ...]:
        if mode in _FILLS and mode not in _STROKES:
            return self._colour(handle, pdfium.FPDFPageObj_GetFillColor)
        if mode in _STROKES and mode not in _FILLS:
            return self._colour(handle, pdfium.FPDFPageObj_GetStrokeColor)
        if mode not in _FILLS:
            return ()
        fill = self._colour(handle, pdfium.FPDFPageObj_GetFillColor)
        stroke = self._colour(handle, pdfium.FPDFPageObj_GetStrokeColor)
        return fill + stroke if fill and stroke else ()

    def _colour(self, handle: Any, get: Any) -> tuple[tuple[Colour, float], ...]:
        red, green, blue, alpha = self._channels
        if not get(handle, red, green, blue, alpha):
            return ()
        return (((red.value, green.value, blue.value), alpha.value / 255),)


def _objects(page: Any) -> Iterator[tuple[Any, int, Matrix]]:
    """Text and image objects in the order in which they are painted, those of forms too."""
    wanted = (pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_IMAGE)

    def walk(count: int, get: Any, parent: Any, matrix: Matrix, depth: int) -> Iterator[Any]:
        for index in range(count):
            handle = get(parent, index)
            kind = pdfium.FPDFPageObj_GetType(handle)
            if kind in wanted:
                yield handle, kind, matrix
            elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
                yield from walk(
                    pdfium.FPDFFormObj_CountObjects(handle),
                    pdfium.FPDFFormObj_GetObject,
                    handle,
                    _times(_matrix(handle), matrix),
                    depth + 1,
                )

    yield from walk(
        pdfium.FPDFPage_CountObjects(page), pdfium.FPDFPage_GetObject, page, _IDENTITY, 0
    )


def _matrix(handle: Any) -> Matrix:
    raw = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(handle, raw):
        return _IDENTITY
    return raw.a, raw.b, raw.c, raw.d, raw.e, raw.f


def _times(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def _shown_around(
    points: list[tuple[float, float]], matrix: Matrix, frame: PageFrame
) -> Box | None:
    """The box around points of a form's own space."""
    if matrix is not _IDENTITY:
        a, b, c, d, e, f = matrix
        points = [(x * a + y * c + e, x * b + y * d + f) for x, y in points]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    corners = min(xs), min(ys), max(xs), max(ys)
    return frame.shown(*corners) if all(map(math.isfinite, corners)) else None


def clip_boxes(text: TextObject, frame: PageFrame) -> list[Box]:
    """Boxes around each path that the object is clipped to."""
    clip = pdfium.FPDFPageObj_GetClipPath(text.handle)
    boxes = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(pdfium.FPDFClipPath_CountPaths(clip) if clip else 0):
        points = []
        for index in range(pdfium.FPDFClipPath_CountPathSegments(clip, number)):
            segment = pdfium.FPDFClipPath_GetPathSegment(clip, number, index)
            if segment and pdfium.FPDFPathSegment_GetPoint(segment, x, y):
                points.append((x.value, y.value))
        box = _shown_around(points, text.matrix, frame) if points else None
        if box is not None:
            boxes.append(box)
    return boxes


def type_size(text: TextObject) -> float:
    """Type size on the page: what the font is scaled to, across the direction of its lines."""
    size = ctypes.c_float()
    if not pdfium.FPDFTextObj_GetFontSize(text.handle, size):
        return 0.0
    _, _, c, d, _, _ = _times(_matrix(text.handle), text.matrix)
    return abs(size.value) * math.hypot(c, d)


def is_embedded(text: TextObject) -> bool:
    """Whether the font's own outlines are in the file: else a renderer may lack them."""
    font = pdfium.FPDFTextObj_GetFont(text.handle)
    return bool(font) and pdfium.FPDFFont_GetIsEmbedded(font) == 1


def switch(text: TextObject, on: bool) -> None:
    """Whether the object is painted when its page is rendered."""
    pdfium.FPDFPageObj_SetIsActive(text.handle, on)
