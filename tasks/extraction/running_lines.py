"""Running headers, footers and page numbers: noise, unless they are the only place of a text.

The layout model calls a line a header by its looks. Page numbers are left out, and what repeats
from page to page after its first time; everything else goes back into the text where it stands.
"""

from __future__ import annotations

import re
from collections import defaultdict

from docling_core.types.doc import (
    BoundingBox,
    ContentLayer,
    DocItemLabel,
    DoclingDocument,
    ListItem,
    SectionHeaderItem,
    TextItem,
)

_MARGIN = 0.09
"""Share of the page's height, at the top and at the bottom, where unlabelled lines may be
running lines too."""
_REPEATS = 3
_PAGE_NUMBER = re.compile(
    r"^[\s\-\u2013\u2014|·.]*(?:page|p\.|seite|第)?\s*(?:\d{1,4}|[ivxlc]{1,7})\s*(?:页|頁)?"
    r"\s*(?:(?:of|/|von|共)\s*(?:第)?\s*\d{1,4}\s*(?:页|頁)?)?[\s\-\u2013\u2014|·.]*$",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+|\b[ivxlc]{1,7}\b")


def settle_running_lines(documents: list[DoclingDocument]) -> None:
    """Decides for the whole document (its windows in order) which lines at the margins stay."""
    labelled: list[tuple[TextItem, int, str]] = []
    marginal: list[tuple[TextItem, int, str]] = []
    for document in documents:
        for item in document.texts:
            if not item.prov:
                continue
            page_no, key = item.prov[0].page_no, _key(item.text)
            if item.label in (DocItemLabel.PAGE_HEADER, DocItemLabel.PAGE_FOOTER):
                labelled.append((item, page_no, key))
            elif (
                isinstance(item, TextItem)
                and not isinstance(item, ListItem)
                and len(item.text) <= 120
                and _in_margin(item, document)
            ):
                marginal.append((item, page_no, key))
    pages: dict[str, set[int]] = defaultdict(set)
    for _, page_no, key in [*labelled, *marginal]:
        pages[key].add(page_no)
    seen: set[str] = set()
    for item, _, key in sorted([*labelled, *marginal], key=lambda entry: entry[1]):
        named = item.label in (DocItemLabel.PAGE_HEADER, DocItemLabel.PAGE_FOOTER)
        number = bool(_PAGE_NUMBER.match(item.text)) and not isinstance(item, SectionHeaderItem)
        repeated = len(pages[key]) >= (2 if named else _REPEATS)
        if number or (repeated and key in seen):
            item.content_layer = ContentLayer.FURNITURE
        elif named:
            item.content_layer = ContentLayer.BODY
            item.label = DocItemLabel.TEXT
        seen.add(key)


def _key(text: str) -> str:
    return "".join(_DIGITS.sub("#", text.lower()).split())


def _in_margin(item: TextItem, document: DoclingDocument) -> bool:
    """Whether an item stands at the upper or lower edge of its page, in one piece."""
    if len(item.prov) != 1:
        return False
    page = document.pages.get(item.prov[0].page_no)
    if page is None:
        return False
    height = page.size.height
    box: BoundingBox = item.prov[0].bbox.to_top_left_origin(page_height=height)
    return box.b < _MARGIN * height or box.t > (1 - _MARGIN) * height
