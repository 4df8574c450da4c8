"""Pictures that a document repeats on its pages: logos, headers, footers, backgrounds.

In office formats a repeated picture is the same file and has the same id. On the pages of a PDF it
is cut out by a layout model, a pixel more or less each time, so small pictures of one size are
compared by what they show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageChops

from tasks.errors import FileRejected
from tasks.records import ExtractedDocument, FoundPicture

Opener = Callable[[str], Image.Image]

_LEAST_PAGES = 3
_LEAST_SHARE = 0.5
# What differs between two cuts of the same logo, in points of width and height.
_SIZE_WITHIN_POINTS = 6.0
# About 280 x 140 points: logos are smaller, and a large figure is never compared.
_SMALL_POINTS = 40_000.0
# Without its margin, a cut of a logo is the same to the pixel, but for JPEG's noise (differences
# up to 3 of 255); pictures that differ by one digit differ by 50 and more there.
_LOOK_PX, _WINDOW_PX = 64, 3
_SAME_WITHIN = 25
_SIDES_WITHIN_PX = 2
_BACKGROUND_WITHIN = 24


@dataclass(frozen=True)
class _Look:
    """A picture without its margin: its size, and its RGB pixels at one size for all."""

    width_px: int
    height_px: int
    pixels: np.ndarray

    def equals(self, other: _Look) -> bool:
        if (
            abs(self.width_px - other.width_px) > _SIDES_WITHIN_PX
            or abs(self.height_px - other.height_px) > _SIDES_WITHIN_PX
        ):
            return False
        differences = np.abs(self.pixels - other.pixels).max(axis=2)
        if differences.mean() > _SAME_WITHIN:  # what most pairs are, found faster
            return False
        windows = sliding_window_view(differences, (_WINDOW_PX, _WINDOW_PX))
        return float(windows.mean(axis=(2, 3)).max()) <= _SAME_WITHIN


def repeated_pictures(document: ExtractedDocument, opener: Opener | None = None) -> frozenset[str]:
    """Ids of the pictures on at least 3 pages and on at least half of the document's pages.

    A picture with a caption is a figure, however often it stands there. `opener` gives the pixels
    of a picture by id in mode
    RGB, and raises FileRejected where it cannot; without it, only pictures of one
    id are found to be the same.
    """
    if document.page_count is None:
        return frozenset()
    wanted = max(_LEAST_PAGES, _LEAST_SHARE * document.page_count)
    captioned = {picture.image_id for picture in document.pictures if picture.caption}
    placed = [
        picture
        for picture in document.pictures
        if picture.page_no is not None and picture.image_id not in captioned
    ]
    pages: dict[str, set[int | None]] = {}
    for picture in placed:
        pages.setdefault(picture.image_id, set()).add(picture.page_no)
    found = {image_id for image_id, on in pages.items() if len(on) >= wanted}
    if opener is not None:
        rest = [p for p in placed if p.image_id not in found and _is_small(p)]
        for group in _groups_of_size(rest):
            if _pages_of(group) >= wanted:
                for alike in _groups_of_look(group, opener):
                    if _pages_of(alike) >= wanted:
                        found |= {picture.image_id for picture in alike}
    return frozenset(found)


def _pages_of(pictures: Iterable[FoundPicture]) -> int:
    return len({picture.page_no for picture in pictures})


def _extent(picture: FoundPicture) -> tuple[float, float]:
    """Width and height in points."""
    assert picture.bbox is not None
    left, bottom, right, top = picture.bbox
    return abs(right - left), abs(bottom - top)


def _is_small(picture: FoundPicture) -> bool:
    if picture.bbox is None:
        return False
    width, height = _extent(picture)
    return width * height <= _SMALL_POINTS


def _groups_of_size(pictures: Sequence[FoundPicture]) -> list[list[FoundPicture]]:
    groups: list[list[FoundPicture]] = []
    for picture in pictures:
        width, height = _extent(picture)
        for group in groups:
            other_width, other_height = _extent(group[0])
            if (
                abs(width - other_width) <= _SIZE_WITHIN_POINTS
                and abs(height - other_height) <= _SIZE_WITHIN_POINTS
            ):
                group.append(picture)
                break
        else:
            groups.append([picture])
    return groups


def _groups_of_look(pictures: Sequence[FoundPicture], opener: Opener) -> list[list[FoundPicture]]:
    groups: list[tuple[_Look, list[FoundPicture]]] = []
    looks: dict[str, _Look | None] = {}
    for picture in pictures:
        if picture.image_id not in looks:
            looks[picture.image_id] = _look(picture.image_id, opener)
        look = looks[picture.image_id]
        if look is None:
            continue
        for other, group in groups:
            if look.equals(other):
                group.append(picture)
                break
        else:
            groups.append((look, [picture]))
    return [group for _, group in groups]


def _look(image_id: str, opener: Opener) -> _Look | None:
    """None for a picture that is lost or damaged (who describes it says so), or one colour."""
    try:
        rgb = opener(image_id)
    except FileRejected:
        return None
    background = Image.new("RGB", rgb.size, rgb.getpixel((0, 0)))
    differences = ImageChops.difference(rgb, background).convert("L")
    box = differences.point(lambda value: 255 * (value > _BACKGROUND_WITHIN)).getbbox()
    if box is None:
        return None
    bare = rgb.crop(box)
    small = bare.resize((_LOOK_PX, _LOOK_PX), Image.Resampling.BOX)
    return _Look(bare.width, bare.height, np.asarray(small, dtype=np.int16))
