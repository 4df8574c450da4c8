"""Heading levels of a whole document: bookmarks, numbering and type size, across page windows.

docling levels the headings of one conversion, each signal on a scale of its own. Here a document
is converted in windows, and unnumbered headings are placed among the numbered ones by their size.
"""

from __future__ import annotations

import re
from statistics import median
from typing import Any

from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import HeadingHierarchyOptions
from docling.models.stages.heading_hierarchy.heading_hierarchy_model import HeadingHierarchyModel
from docling_core.types.doc import DoclingDocument, SectionHeaderItem

DEEPEST = 5
"""Of a section, so that its markdown heading has at most six signs."""
_UNKNOWN = 100
_SAME_SIZE = 0.06
_TITLE_LARGER = 1.15
_HAN = "[一二三四五六七八九十百零〇\\d]+"
# Outline numbers, highest first. Dotted ones go by their depth.
_FAMILIES = (
    re.compile(rf"^\s*(?:第\s*{_HAN}\s*[部编編篇卷]|part\s+(?:\d+|[ivx]+)\b)", re.IGNORECASE),
    re.compile(rf"^\s*(?:第\s*{_HAN}\s*章|chapter\s+\d+\b|appendix\s+[a-z]\b)", re.IGNORECASE),
    re.compile(rf"^\s*第\s*{_HAN}\s*[节節条條]"),
    re.compile(r"^\s*[一二三四五六七八九十]{1,3}\s*[、．.]"),
    re.compile(r"^\s*[（(][一二三四五六七八九十]{1,3}[）)]"),
)
_DOTTED = re.compile(r"^\s*(?:[A-Z]|\d{1,3})((?:\.\d{1,3})*)\.?(?:\s|$|[^\d\s.,:%)/-])")
_BRACKETED = re.compile(r"^\s*[（(]\d{1,2}[）)]")


class HeadingStyles:
    """Collects what tells the headings of each window apart, then levels them all together."""

    def __init__(self) -> None:
        self._outline: list[Any] | None = None
        self._sizes: dict[int, float] = {}  # by identity of the heading, which the caller keeps

    def collect(self, result: ConversionResult) -> None:
        """Measures the headings of a window while its pages are still there."""
        if self._outline is None:
            self._outline = result._pdf_outline or []
        pages = {page.page_no: page.parsed_page for page in result.pages}
        for item in result.document.texts:
            if not isinstance(item, SectionHeaderItem) or not item.prov:
                continue
            parsed = pages.get(item.prov[0].page_no)
            if parsed is None:
                continue
            height = parsed.dimension.height
            box = item.prov[0].bbox.to_top_left_origin(height)
            heights = [
                cell.rect.height
                for cell in parsed.textline_cells
                if cell.rect.to_bounding_box()
                .to_top_left_origin(height)
                .intersection_over_self(box)
                > 0.5
            ]
            if heights:
                self._sizes[id(item)] = median(heights)

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
        title = self._find_title(headings)
        sections = [item for item in headings if item is not title]
        levels = self._by_bookmarks(sections, documents)
        if not levels:
            levels = _by_number(sections)
        self._by_size(sections, levels)
        if sections and title is None:
            levels[0] = 1  # nothing stands above what a document begins with
        for index, item in enumerate(sections):
            item.level = max(1, min(levels[index], DEEPEST))
        return title.self_ref if title is not None else None

    def _find_title(self, headings: list[SectionHeaderItem]) -> SectionHeaderItem | None:
        """The first heading of page 1 is the title where it is the largest by far."""
        first = self._sizes.get(id(headings[0]))
        if first is None or headings[0].prov[0].page_no != 1 or len(headings) < 2:
            return None
        others = [self._sizes[id(item)] for item in headings[1:] if id(item) in self._sizes]
        return headings[0] if others and first >= _TITLE_LARGER * max(others) else None

    def _by_bookmarks(
        self, headings: list[SectionHeaderItem], documents: list[DoclingDocument]
    ) -> dict[int, int]:
        """Levels of the headings that the PDF's outline names, by their index."""
        if not self._outline:
            return {}
        outline = DoclingDocument(name="outline")
        for document in documents:
            for page_no, page in document.pages.items():
                outline.add_page(page_no=page_no, size=page.size)
        copies = [
            outline.add_heading(
                text=item.text, prov=item.prov[0] if item.prov else None, level=_UNKNOWN
            )
            for item in headings
        ]
        model = HeadingHierarchyModel(
            HeadingHierarchyOptions(enabled=True, use_numbering=False, use_style=False)
        )
        model.assign_heading_levels(outline, outline=self._outline)
        return {i: copy.level for i, copy in enumerate(copies) if copy.level != _UNKNOWN}

    def _by_size(self, headings: list[SectionHeaderItem], levels: dict[int, int]) -> None:
        """Levels for the rest: that of a levelled heading of the same size, or between them."""
        sizes = {i: self._sizes[id(h)] for i, h in enumerate(headings) if id(h) in self._sizes}
        known = [(sizes[i], level) for i, level in levels.items() if i in sizes]
        rest = [i for i in range(len(headings)) if i not in levels]
        if not known:
            clusters = _cluster([sizes[i] for i in rest if i in sizes])
            for i in rest:
                levels[i] = min(clusters.get(sizes.get(i, 0.0), 1), 4)
            return
        for i in rest:
            size = sizes.get(i)
            if size is None:
                levels[i] = max(level for _, level in known)
                continue
            same = [level for other, level in known if abs(other - size) <= _SAME_SIZE * size]
            larger = [level for other, level in known if other > size]
            if same:
                levels[i] = round(median(same))
            else:
                levels[i] = max(larger) + 1 if larger else 1


def _by_number(headings: list[SectionHeaderItem]) -> dict[int, int]:
    """Levels of numbered headings, by their index, as many as the document uses."""
    ranks: dict[int, int] = {}
    for index, item in enumerate(headings):
        rank = next((r for r, family in enumerate(_FAMILIES) if family.match(item.text)), None)
        dotted = _DOTTED.match(item.text)
        if rank is not None:
            ranks[index] = rank
        elif _BRACKETED.match(item.text):
            ranks[index] = len(_FAMILIES) + 20
        elif dotted and (dotted.group(1) or item.text.strip()[0].isdigit()):
            ranks[index] = len(_FAMILIES) + dotted.group(1).count(".")
    order = {rank: level for level, rank in enumerate(sorted(set(ranks.values())), start=1)}
    return {index: min(order[rank], DEEPEST) for index, rank in ranks.items()}


def _cluster(sizes: list[float]) -> dict[float, int]:
    """Type sizes to ranks from 1, largest first; sizes within the measuring error share one."""
    ranks: dict[float, int] = {}
    rank, previous = 0, 0.0
    for size in sorted(set(sizes), reverse=True):
        if not ranks or previous - size > _SAME_SIZE * previous:
            rank += 1
        ranks[size] = rank
        previous = size
    return ranks
