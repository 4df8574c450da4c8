"""What the colours of a picture tell: one colour, a flat graphic, or shades as in a photograph.

Nothing is said where the two measures disagree: a describer claims what it can see.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

Appearance = Literal["plain", "flat", "photo", "unclear"]

_SAMPLE_ROWS = 256
# A pixel "equals" its neighbour within what JPEG changes.
_EQUAL_WITHIN = 6
_MAIN_COLOURS = 6
# On drawings, charts, screenshots and pages both shares were 0.82 to 1.0; on photographs the
# first 0.5 to 0.6, the second 0.2 to 0.4.
_FLAT_EQUAL, _FLAT_MAIN = 0.8, 0.7
_PHOTO_EQUAL, _PHOTO_MAIN = 0.8, 0.5


def appearance_of(rgb: Image.Image) -> Appearance:
    """`rgb` is an image in mode RGB. Deterministic; a sample of some 256 rows is looked at."""
    pixels = np.asarray(rgb)
    if np.ptp(pixels, axis=(0, 1)).max() <= 2 * _EQUAL_WITHIN:
        return "plain"
    pixels = pixels[:: max(1, len(pixels) // _SAMPLE_ROWS)].astype(np.int16)
    equal, main = _equal_neighbours(pixels), _main_colours(pixels)
    if equal >= _FLAT_EQUAL and main >= _FLAT_MAIN:
        return "flat"
    if equal <= _PHOTO_EQUAL and main <= _PHOTO_MAIN:
        return "photo"
    return "unclear"


def _equal_neighbours(pixels: np.ndarray) -> float:
    """Share of pixels that look like the one to their left; `pixels` is height x width x 3."""
    differences = np.abs(np.diff(pixels, axis=1)).max(axis=2)
    return float((differences <= _EQUAL_WITHIN).mean())


def _main_colours(pixels: np.ndarray) -> float:
    """Share of the picture that its commonest colours cover, at 4 bits a channel.

    Colours are rounded, not cut: white with some noise stays one colour.
    """
    rounded = (pixels + 8) // 17
    names = rounded[:, :, 0] * 256 + rounded[:, :, 1] * 16 + rounded[:, :, 2]
    counts = np.sort(np.bincount(names.ravel()))[::-1]
    return float(counts[:_MAIN_COLOURS].sum() / counts.sum())
