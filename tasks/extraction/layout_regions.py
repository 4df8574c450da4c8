"""Regions that the layout model took for something else: prose as a table, a table as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from docling.datamodel.base_models import Cluster, Page
from docling_core.types.doc import BoundingBox, CoordOrigin, DocItemLabel

from tasks.extraction.line_tests import CAPTION, LEADER, TABLE_CAPTION
from tasks.extraction.page_fonts import PageFonts
from tasks.extraction.page_lines import box_of
from tasks.extraction.table_detect import is_table_picture
from tasks.extraction.table_ruled import ruled_grid
from tasks.extraction.table_rulings import find_rulings
from tasks.extraction.table_words import (
    Box,
    Word,
    is_running_text,
    text_lines,
    word_height,
)

_LOOSE_WORDS = 20
"""A figure that holds this many words beside another figure is the page, not a figure."""


def words_of(page: Page) -> list[Word]:
    """The page's words, or its lines where OCR gave no words."""
    parsed = page.parsed_page
    if parsed is None:
        return []
    cells = [c for c in parsed.word_cells if c.text.strip()] or [
        c for c in parsed.textline_cells if c.text.strip()
    ]
    return [Word(c.text, *box_of(c)) for c in cells]


def correct_regions(page: Page, clusters: Sequence[Cluster]) -> list[Cluster]:
    """Raw clusters without false tables and figures, and with drawn tables as tables.

    The words of a region that is left out have no cluster; paragraphs are made of them later.
    """
    kept: list[Cluster] = []
    words: list[Word] | None = None
    fonts = PageFonts(page.cells)
    for cluster in clusters:
        if cluster.label not in (DocItemLabel.TABLE, DocItemLabel.PICTURE):
            kept.append(cluster)
            continue
        words = words_of(page) if words is None else words
        box = (cluster.bbox.l, cluster.bbox.t, cluster.bbox.r, cluster.bbox.b)
        inside = _inside(words, box)
        if cluster.label == DocItemLabel.PICTURE and (not inside or _has_bitmap(page, box)):
            kept.append(cluster)
            continue
        typed = _typewriter_share(page, fonts, box)
        if _is_contents(inside) or typed > 0.9:
            continue
        if typed > 0.5 and not _is_drawn_table(page, inside, box):
            continue  # a listing with remarks between its lines
        if cluster.label == DocItemLabel.TABLE:
            if not is_running_text(words, box):
                _cut_at_caption(cluster, inside)
                kept.append(cluster)
            continue
        if _is_prose(inside, box) or _holds_another(cluster, clusters, inside):
            continue
        caption = _caption_beside(words, box)
        if TABLE_CAPTION.match(caption) if CAPTION.match(caption) else _is_table(page, inside, box):
            cluster.label = DocItemLabel.TABLE
            _cut_at_caption(cluster, inside)
        kept.append(cluster)
    return kept


def _caption_beside(words: Sequence[Word], box: Box) -> str:
    """The line right below a region, or right above it, that reads like a caption; or nothing."""
    left, top, right, bottom = box
    near = 4 * word_height(words)
    for low, high in ((bottom - 1, bottom + near), (top - near, top + 1)):
        around = [w for w in words if left - 10 <= w.x <= right + 10 and low <= w.y <= high]
        for line in text_lines(around):
            text = " ".join(word.text for word in line)
            if CAPTION.match(text):
                return text
    return ""


def _cut_at_caption(cluster: Cluster, inside: Sequence[Word]) -> None:
    """Take a table's caption, and what stands beyond it, out of the table's box."""
    lines = text_lines(inside)
    for number, line in enumerate(lines):
        if not CAPTION.match(" ".join(word.text for word in line)):
            continue
        top, bottom = min(w.top for w in line), max(w.bottom for w in line)
        box = cluster.bbox
        if number >= 2 and number >= 0.5 * len(lines):
            cluster.bbox = box.model_copy(update={"b": top - 0.5})
        elif number <= 1:
            cluster.bbox = box.model_copy(update={"t": bottom + 0.5})
        return


def _inside(words: Sequence[Word], box: Box) -> list[Word]:
    left, top, right, bottom = box
    return [w for w in words if left <= w.x <= right and top <= w.y <= bottom]


def _is_prose(inside: Sequence[Word], box: Box) -> bool:
    """A figure that text fills: a boxed paragraph, a note with a sign beside it."""
    width = box[2] - box[0]
    covered = sum((w.right - w.left) * w.height for w in inside)
    lines = text_lines(inside)
    wide = [line for line in lines if line[-1].right - line[0].left > 0.6 * width]
    return (
        covered > 0.25 * width * (box[3] - box[1])
        and len(wide) >= 0.5 * len(lines)
        and is_running_text(inside, box)
    )


def _is_contents(inside: Sequence[Word]) -> bool:
    """Whether most lines of a region run to a page number on dots: a table of contents."""
    lines = [" ".join(word.text for word in line) for line in text_lines(inside)]
    return len(lines) > 1 and sum(bool(LEADER.search(line)) for line in lines) > 0.5 * len(lines)


def _typewriter_share(page: Page, fonts: PageFonts, box: Box) -> float:
    """Share of a region's characters in typewriter type: code, whatever its columns look like."""
    chars = mono = 0
    for cell in page.cells:
        left, top, right, bottom = box_of(cell)
        if box[0] <= (left + right) / 2 <= box[2] and box[1] <= (top + bottom) / 2 <= box[3]:
            size = len(cell.text.strip())
            chars += size
            mono += size if fonts.is_typewriter(cell) else 0
    return mono / chars if chars else 0.0


def _holds_another(cluster: Cluster, clusters: Sequence[Cluster], inside: Sequence[Word]) -> bool:
    """A figure drawn around another one and the text beside it."""
    for other in clusters:
        if other is cluster or other.label not in (DocItemLabel.TABLE, DocItemLabel.PICTURE):
            continue
        if (
            other.bbox.area() < 0.8 * cluster.bbox.area()
            and other.bbox.intersection_over_self(cluster.bbox) > 0.85
        ):
            box = (other.bbox.l, other.bbox.t, other.bbox.r, other.bbox.b)
            if len(inside) - len(_inside(inside, box)) > _LOOSE_WORDS:
                return True
    return False


def _is_drawn_table(page: Page, inside: Sequence[Word], box: Box) -> bool:
    """Whether ruling lines divide a region into cells that hold its words."""
    looks = _grey(page, box)
    if looks is None or len(inside) < 4:
        return False
    grey, scale, origin = looks
    return ruled_grid(find_rulings(grey, scale, origin, inside), inside, box) is not None


def _is_table(page: Page, inside: Sequence[Word], box: Box) -> bool:
    """Whether a figure is a table: a drawn grid, or nothing but rows and columns of words."""
    looks = _grey(page, box)
    return looks is not None and is_table_picture(inside, *looks, box)


def _grey(page: Page, box: Box) -> tuple[np.ndarray, float, tuple[float, float]] | None:
    """A region in grey (H x W uint8), its pixels per point, and its corner in points."""
    image, size = page.image, page.size
    if image is None or size is None:
        return None
    scale = image.width / size.width
    left, top = max(0.0, box[0] - 2), max(0.0, box[1] - 2)
    right, bottom = min(size.width, box[2] + 2), min(size.height, box[3] + 2)
    if right - left < 4 or bottom - top < 4:
        return None
    crop = image.crop(
        (round(left * scale), round(top * scale), round(right * scale), round(bottom * scale))
    )
    return np.asarray(crop.convert("L")), scale, (left, top)


def _has_bitmap(page: Page, box: Box) -> bool:
    parsed, size = page.parsed_page, page.size
    if parsed is None or size is None:
        return False
    area = BoundingBox(l=box[0], t=box[1], r=box[2], b=box[3], coord_origin=CoordOrigin.TOPLEFT)
    bitmaps: Sequence[Any] = parsed.bitmap_resources
    return any(
        bitmap.rect.to_bounding_box().to_top_left_origin(size.height).intersection_area_with(area)
        > 0.05 * area.area()
        for bitmap in bitmaps
    )
