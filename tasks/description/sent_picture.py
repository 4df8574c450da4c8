"""The JPEG that reaches a vision model: the stored bytes where they serve, else a copy that does.

Providers refuse pictures of a few pixels and bodies of many megabytes. The same picture gives the
same bytes, because an answer is found again by their hash.
"""

from __future__ import annotations

import io
import math

from PIL import Image

from tasks.pictures import LONGER_SIDE_MAX_PX

BYTES_MAX = 3_000_000
"""As base64 these are four megabytes, below every provider's limit."""
SIDE_MIN_PX = 32
"""Qwen's models refuse sides below 28 or 32 pixels."""

_JPEG_START = b"\xff\xd8\xff"
# Quality, and chroma subsampling (0: none; 2: 4:2:0), from the finest on.
_ENCODINGS = ((90, 0), (80, 0), (75, 2), (60, 2))
_SHRINK = 0.75


def jpeg_to_send(stored: bytes, rgb: Image.Image) -> bytes:
    """`stored` are the bytes of a picture file, `rgb` is what they show, upright, in mode RGB."""
    fits = min(rgb.size) >= SIDE_MIN_PX and max(rgb.size) <= LONGER_SIDE_MAX_PX
    if fits and len(stored) <= BYTES_MAX and stored.startswith(_JPEG_START):
        return stored
    picture = _grown(_bounded(rgb))
    while True:
        for quality, subsampling in _ENCODINGS:
            data = _encoded(picture, quality, subsampling)
            if len(data) <= BYTES_MAX:
                return data
        picture = _scaled(picture, _SHRINK)


def _bounded(picture: Image.Image) -> Image.Image:
    longer = max(picture.size)
    if longer <= LONGER_SIDE_MAX_PX:
        return picture
    return _scaled(picture, LONGER_SIDE_MAX_PX / longer)


def _grown(picture: Image.Image) -> Image.Image:
    """Enlarged by a whole number where it is too small; a long strip gets a white margin."""
    if min(picture.size) >= SIDE_MIN_PX:
        return picture
    factor = math.ceil(SIDE_MIN_PX / min(picture.size))
    factor = max(1, min(factor, LONGER_SIDE_MAX_PX // max(picture.size)))
    larger = _scaled(picture, factor)
    width, height = (max(side, SIDE_MIN_PX) for side in larger.size)
    if (width, height) == larger.size:
        return larger
    canvas = Image.new("RGB", (width, height), "white")
    canvas.paste(larger, ((width - larger.width) // 2, (height - larger.height) // 2))
    return canvas


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _encoded(picture: Image.Image, quality: int, subsampling: int) -> bytes:
    stream = io.BytesIO()
    # Not `optimize`: Pillow's buffer for it is too small for a picture that is mostly noise.
    picture.save(stream, "JPEG", quality=quality, subsampling=subsampling, exif=b"")
    return stream.getvalue()
