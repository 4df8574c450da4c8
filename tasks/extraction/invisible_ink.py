"""What text leaves on a rendered page: the ink that goes when its objects are switched off.

Text is seen where the page changes without it. What changes nothing is white on white, under a
picture, cut off by a clip, fully transparent or in a layer that is switched off.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pypdfium2.raw as pdfium

from tasks.extraction.invisible_colours import FAINTEST, Colour
from tasks.extraction.invisible_objects import Box, TextObject, switch

Pixels = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Pixel = TypeVar("Pixel", np.uint8, np.bool_)

_CHANGE = 3
"""A pixel that differs by less is the same."""
_OWN_COLOUR_SHARE = 0.75
"""Of the pixels behind a text: the rest may be a rule or the type of another line."""
_DOUBTFUL_SHARE = 0.5
_NO_COLOUR = ((0, 0, 0), 1.0)
_INK_DISTANCE = 24
_INK_SHARE = 0.02
_MOST_PIXELS, _MOST_PIXELS_FINE = 4_000_000, 24_000_000


class Rendering:
    """A page with its text, and without it."""

    def __init__(
        self,
        page: Any,
        texts: Sequence[TextObject],
        under_others: Sequence[TextObject],
        *,
        fine: bool,
    ) -> None:
        """`under_others` are looked at apart, or the ink of those above them would be theirs.
        `fine`: in colour and at twice the size, where a grey glance raised a doubt."""
        width, height = page.get_size()
        budget = (_MOST_PIXELS_FINE if fine else _MOST_PIXELS) / max(width * height, 1.0)
        self.scale = min(2.0 if fine else 1.0, math.sqrt(budget))
        self.full = self._render(page, (), grey=not fine)
        self.bare = self._render(page, texts, grey=not fine)
        self._changes = self._under_changes = _summed(self.full, self.bare)
        self._under = {id(text) for text in under_others}
        if under_others:
            without = self._render(page, under_others, grey=not fine)
            self._under_changes = _summed(self.full, without)

    def _render(self, page: Any, without: Sequence[TextObject], grey: bool) -> Pixels:
        for text in without:
            switch(text, on=False)
        try:
            bitmap = page.render(
                scale=self.scale, grayscale=grey, rev_byteorder=not grey, no_smoothimage=grey
            )
        finally:
            for text in without:
                switch(text, on=True)
        pixels: Pixels = bitmap.to_numpy().copy()
        bitmap.close()
        return pixels.reshape(*pixels.shape[:2], -1)[:, :, :3]

    def painted_by(self, texts: Sequence[TextObject], boxes: Boxes) -> Flags:
        """Whether each of the texts, or what is painted with it, leaves ink in its box."""
        under = np.array([id(text) in self._under for text in texts], dtype=bool)
        found: Flags = self._any(self._changes, boxes)
        if under.any():
            found[under] = self._any(self._under_changes, boxes[under])
        return found

    def painted(self, boxes: Boxes) -> Flags:
        """Whether any text leaves ink in each of the boxes (left, top, right, bottom)."""
        return self._any(self._changes, boxes)

    def _any(self, sums: npt.NDArray[np.int32], boxes: Boxes) -> Flags:
        left, top, right, bottom = _pixel_bounds(boxes, self.scale, self.full.shape)
        inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        return inside > 0

    def has_own_colour_behind(self, text: TextObject) -> bool:
        """Whether each colour that the text is painted in is the one behind it, as far as the
        eye can tell."""
        if not text.colours:
            return False
        behind = crop(self.bare, text.box, self.scale)
        return own_colour_share(behind, text, FAINTEST) >= _OWN_COLOUR_SHARE

    def stands_out(self, box: Box) -> bool:
        """Whether text changes any pixel of a box so much that it can be seen."""
        full, bare = crop(self.full, box, self.scale), crop(self.bare, box, self.scale)
        return bool(full.size) and int(_distance(full, bare).max()) > 2 * FAINTEST

    def mostly_own_colour(self, texts: Sequence[TextObject]) -> Flags:
        """A quick look at the same for many texts: a grid of points behind each."""
        boxes = np.array([text.box for text in texts]).reshape(-1, 4)
        across, down = np.linspace(0.05, 0.95, 7), np.linspace(0.1, 0.9, 4)
        xs = boxes[:, 0, None] + (boxes[:, 2] - boxes[:, 0])[:, None] * across
        ys = boxes[:, 1, None] + (boxes[:, 3] - boxes[:, 1])[:, None] * down
        height, width = self.bare.shape[:2]
        columns = np.clip((xs * self.scale).astype(int), 0, width - 1)
        rows = np.clip((ys * self.scale).astype(int), 0, height - 1)
        behind = self.bare[rows[:, :, None], columns[:, None, :]]
        flags = np.array([bool(text.colours) for text in texts], dtype=bool)
        for which in (0, -1):  # fill and stroke, or twice the only one
            last = [text.colours[which] if text.colours else _NO_COLOUR for text in texts]
            own = np.array([_as_channels(c, behind.shape[-1]) for c, _ in last], dtype=np.uint8)
            opacity = np.array([opacity for _, opacity in last])
            own = own.reshape(len(texts), 1, 1, behind.shape[-1])
            distance = _distance(behind, own) * opacity[:, None, None]
            flags &= (distance <= 2 * FAINTEST).mean(axis=(1, 2)) >= _DOUBTFUL_SHARE
        return flags


def own_colour_share(pixels: Pixels, text: TextObject, steps: int) -> float:
    """Share of the pixels that differ by at most so many steps from a colour of the text: of the
    one for which it is the smallest."""
    if not pixels.size:
        return 0.0
    shares = []
    for colour, opacity in text.colours:
        own = np.array(_as_channels(colour, pixels.shape[2]), dtype=np.uint8)
        shares.append(float((_distance(pixels, own) * opacity <= steps).mean()))
    return min(shares)


def _distance(pixels: Pixels, other: Pixels) -> Pixels:
    """The largest difference of any channel, pixel by pixel."""
    apart = np.maximum(pixels, other) - np.minimum(pixels, other)
    largest: Pixels = apart[..., 0]
    for channel in range(1, apart.shape[-1]):  # numpy is slow along so short an axis
        largest = np.maximum(largest, apart[..., channel])
    return largest


def _as_channels(colour: Colour, channels: int) -> tuple[int, ...]:
    if channels == 1:
        red, green, blue = colour
        return (round(0.30 * red + 0.59 * green + 0.11 * blue),)
    return colour


def _summed(pixels: Pixels, other: Pixels) -> npt.NDArray[np.int32]:
    """Numbers of pixels that differ, in every rectangle from the corner: a box is then four
    look-ups."""
    flags = _distance(pixels, other) >= _CHANGE
    sums = np.zeros((flags.shape[0] + 1, flags.shape[1] + 1), dtype=np.int32)
    np.cumsum(flags, axis=0, out=sums[1:, 1:], dtype=np.int32)
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    return sums


def _pixel_bounds(
    boxes: Boxes, scale: float, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], ...]:
    height, width = shape[:2]
    left = np.clip(np.floor(boxes[:, 0] * scale), 0, width)
    top = np.clip(np.floor(boxes[:, 1] * scale), 0, height)
    right = np.clip(np.ceil(boxes[:, 2] * scale), 0, width)
    bottom = np.clip(np.ceil(boxes[:, 3] * scale), 0, height)
    return tuple(edge.astype(np.int64) for edge in (left, top, right, bottom))


def crop(pixels: npt.NDArray[Pixel], box: Box, scale: float) -> npt.NDArray[Pixel]:
    """The pixels of a box, at least one where the box is on the page."""
    left, top, right, bottom = (
        int(e[0]) for e in _pixel_bounds(np.array([box]), scale, pixels.shape)
    )
    return pixels[top:bottom, left:right]


def shows_ink(pixels: Pixels) -> bool:
    """Whether an area shows more than the noise of paper: strokes on a ground."""
    if not pixels.size:
        return False
    ground = np.median(pixels.reshape(-1, pixels.shape[2]), axis=0).astype(np.uint8)
    return float((_distance(pixels, ground) > _INK_DISTANCE).mean()) >= _INK_SHARE


class DrawnAlone:
    """A text object without the rest of its page: tells hidden text from glyphs that a renderer
    lacks, as it may where the font is not in the file."""

    def __init__(self, document: Any, page: Any, text: TextObject) -> None:
        self._box = text.box
        self._ink: Flags | None = None
        bitmap = pdfium.FPDFTextObj_GetRenderedBitmap(document, page, text.handle, 2.0)
        if not bitmap:
            return
        try:
            stride, height = (
                pdfium.FPDFBitmap_GetStride(bitmap),
                pdfium.FPDFBitmap_GetHeight(bitmap),
            )
            width = pdfium.FPDFBitmap_GetWidth(bitmap)
            buffer = pdfium.FPDFBitmap_GetBuffer(bitmap)
            if buffer and stride >= 4 * width:
                rows = np.frombuffer(ctypes.string_at(buffer, stride * height), dtype=np.uint8)
                # Four bytes a pixel, the last of them its opacity.
                self._ink = rows.reshape(height, stride)[:, 3 : 4 * width : 4] > 0
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)

    def any(self) -> bool:
        return self._ink is not None and bool(self._ink.any())

    def at(self, box: Box) -> bool:
        """Whether there is ink at a character of it. Only for pages that are not turned."""
        if self._ink is None:
            return False
        left, top, right, bottom = self._box
        height, width = self._ink.shape
        across, down = width / max(right - left, 0.01), height / max(bottom - top, 0.01)
        within = (
            (box[0] - left) * across,
            (box[1] - top) * down,
            (box[2] - left) * across,
            (box[3] - top) * down,
        )
        return bool(crop(self._ink, within, 1.0).any())
