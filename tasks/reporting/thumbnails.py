"""Pictures small enough to travel inside the report, bounded in number and in bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable

from tasks.records import Record

LONGER_SIDE_PX = 320
JPEG_QUALITY = 72
MAXIMUM_COUNT = 60
MAXIMUM_TOTAL_BYTES = 1_000_000


class Thumbnail(Record):
    data_uri: str
    width_px: int
    height_px: int


def make_thumbnails(
    image_ids: Iterable[str], picture_bytes: Callable[[str], bytes | None]
) -> dict[str, Thumbnail]:
    """Thumbnails of the wanted images, in their order, until a bound is reached.

    An image whose bytes are missing or unreadable gets none: the report says so in its place.
    """
    thumbnails: dict[str, Thumbnail] = {}
    total = 0
    for image_id in dict.fromkeys(image_ids):
        if len(thumbnails) >= MAXIMUM_COUNT:
            break
        data = picture_bytes(image_id)
        made = None if data is None else _shrink(data)
        if made is None:
            continue
        if total + len(made.data_uri) > MAXIMUM_TOTAL_BYTES:
            break
        total += len(made.data_uri)
        thumbnails[image_id] = made
    return thumbnails


def _shrink(data: bytes) -> Thumbnail | None:
    from PIL import Image

    try:
        # The data set holds JPEG and nothing else: no other decoder is offered to these bytes.
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            picture.draft("RGB", (LONGER_SIDE_PX, LONGER_SIDE_PX))
            small = picture.convert("RGB")
            small.thumbnail((LONGER_SIDE_PX, LONGER_SIDE_PX))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Thumbnail(
        data_uri=f"data:image/jpeg;base64,{encoded}", width_px=small.width, height_px=small.height
    )
