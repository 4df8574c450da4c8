"""Heading levels of a whole document: bookmarks, numbering and font size, across page windows."""

from __future__ import annotations

import re
from statistics import median
from typing import Any

from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import HeadingHierarchyOptions
from docling.models.stages.heading_hierarchy.heading_hierarchy_model import HeadingHierarchyModel
from docling_core.types.doc import DoclingDocument, SectionHeaderItem

# Chinese outline numbers, highest first; docling's numbering knows the Latin ones.
_HAN_FAMILIES = (
    re.compile(r"^\s*第\s*[一二三四五六七八九十百零〇\d]+\s*[部编編篇卷]"),
    re.compile(r"^\s*第\s*[一二三四五六七八九十百零〇\d]+\s*章"),
    re.compile(r"^\s*第\s*[一二三四五六七八九十百零〇\d]+\s*[节節]"),
    re.compile(r"^\s*[一二三四五六七八九十]{1,3}\s*[、．.]"),
    re.compile(r"^\s*[（(][一二三四五六七八九十]{1,3}[）)]"),
)
_DOTTED = re.compile(r"^\s*(\d+(?:\.\d+)+)")
_TITLE_LARGER = 1.15


class HeadingStyles:
    """Collects what tells the headings of each window apart, then levels them all together."""

    def __init__(self) -> None:
        self._outline: list[Any] | None = None
        self._pages: dict[int, Any] = {}

    def collect(self, result: ConversionResult) -> None:
        """Keeps the text cells that headings are made of; the rest of the page may go."""
        if self._outline is None:
            self._outline = result._pdf_outline or []
        boxes: dict[int, list[Any]] = {}
        for item in result.document.texts:
            if isinstance(item, SectionHeaderItem) and item.prov:
                boxes.setdefault(item.prov[0].page_no, []).append(item.prov[0].bbox)
        for page in result.pages:
            parsed = page.parsed_page
            if parsed is None or page.page_no not in boxes:
                continue
            height = parsed.dimension.height
            wanted = [box.to_top_left_origin(height) for box in boxes[page.page_no]]
            cells = [
                cell
                for cell in parsed.textline_cells
                if any(
                    box.overlaps(cell.rect.to_bounding_box().to_top_left_origin(height))
                    for box in wanted
                )
            ]
            self._pages[page.page_no] = parsed.model_copy(
                update={
                    "textline_cells": cells,
                    "word_cells": [],
                    "char_cells": [],
                    "bitmap_resources": [],
                    "shapes": [],
                }
            )

    def assign(self, documents: list[DoclingDocument]) -> str | None:
        """Sets the level of every heading, 1 for the highest sections.

        Returns the `self_ref` of the title in the first document, where one stands out.
        """
        headings = [
            item
            for document in documents
            for item in document.texts
            if isinstance(item, SectionHeaderItem)
        ]
        if not headings:
            return None
        outline = DoclingDocument(name="outline")
        for document in documents:
            for page_no, page in document.pages.items():
                outline.add_page(page_no=page_no, size=page.size)
        copies = [
            outline.add_heading(text=item.text, prov=item.prov[0] if item.prov else None)
            for item in headings
        ]
        model = HeadingHierarchyModel(HeadingHierarchyOptions(enabled=True, max_level=5))
        model.assign_heading_levels(outline, parsed_pages=self._pages, outline=self._outline)
        for item, copy in zip(headings, copies, strict=True):
            item.level = copy.level
        _level_by_han_numbers(headings)
        title = self._find_title(headings)
        return title.self_ref if title is not None else None

    def _find_title(self, headings: list[SectionHeaderItem]) -> SectionHeaderItem | None:
        """The first heading of page 1 is the title where it is the largest by far."""
        first = self._size(headings[0])
        if first is None or headings[0].prov[0].page_no != 1:
            return None
        others = [size for size in map(self._size, headings[1:]) if size is not None]
        if not others or first < _TITLE_LARGER * max(others):
            return None
        highest = min(item.level for item in headings[1:])
        for item in headings[1:]:
            item.level -= highest - 1
        return headings[0]

    def _size(self, item: SectionHeaderItem) -> float | None:
        if not item.prov:
            return None
        parsed = self._pages.get(item.prov[0].page_no)
        if parsed is None:
            return None
        height = parsed.dimension.height
        box = item.prov[0].bbox.to_top_left_origin(height)
        heights = [
            cell.rect.height
            for cell in parsed.textline_cells
            if box.overlaps(cell.rect.to_bounding_box().to_top_left_origin(height))
        ]
        return median(heights) if heights else None


def _level_by_han_numbers(headings: list[SectionHeaderItem]) -> None:
    """Levels by Chinese outline numbers (第一章, 一、, （一）), where a document uses them."""
    ranks: dict[int, int] = {}
    for index, item in enumerate(headings):
        rank = next((r for r, p in enumerate(_HAN_FAMILIES) if p.match(item.text)), None)
        dotted = _DOTTED.match(item.text)
        if rank is not None:
            ranks[index] = rank
        elif dotted:
            ranks[index] = len(_HAN_FAMILIES) + dotted.group(1).count(".")
    if not any(rank < len(_HAN_FAMILIES) for rank in ranks.values()):
        return
    order = {rank: level for level, rank in enumerate(sorted(set(ranks.values())), start=1)}
    for index, rank in ranks.items():
        headings[index].level = min(order[rank], 5)
