"""Columns of prose are read one after the other.

docling's rules follow what stands above and beside an element. Where the paragraphs of two
columns begin at the same heights they read row by row; here a gutter with prose on both sides
parts the page first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docling.models.postprocessing.reading_order_rb import ReadingOrderPredictor
from docling_core.types.doc import DocItemLabel

_PROSE = (DocItemLabel.TEXT, DocItemLabel.LIST_ITEM, DocItemLabel.FOOTNOTE)
_FURNITURE = (DocItemLabel.PAGE_HEADER, DocItemLabel.PAGE_FOOTER)
_PROSE_CHARS = 60
"""A form's labels and values are shorter than this; paragraphs are longer."""
_MOST_COLUMNS = 4


class ColumnReadingOrder(ReadingOrderPredictor):
    """docling's order of a page, with columns of prose kept together."""

    def _predict_page(self, page_elements: list[Any], **separators: Any) -> list[Any]:
        ordered = super()._predict_page(page_elements, **separators)
        return by_columns(ordered)


def by_columns(ordered: Sequence[Any], depth: int = _MOST_COLUMNS) -> list[Any]:
    """Elements in their order, the left column of each band before its right one.

    Elements have `l`, `r`, `t`, `b` (origin at the bottom left), `label` and `text`. A band ends
    at whatever crosses the gutter: a wide heading, table or figure.
    """
    # Separators (rules drawn on the page) stand among the elements and have no label.
    body = [e for e in ordered if getattr(e, "label", None) not in (None, *_FURNITURE)]
    gutter = _gutter(body) if depth > 1 else None
    if gutter is None:
        return list(ordered)
    crossing = [e for e in body if e.l < gutter < e.r]
    borders = sorted((e.t for e in crossing), reverse=True)
    bands: dict[int, list[Any]] = {}
    for element in body:
        if not any(element is c for c in crossing):
            middle = (element.t + element.b) / 2
            bands.setdefault(sum(top > middle for top in borders), []).append(element)
    out: list[Any] = []
    done: set[int] = set()
    for element in ordered:
        if id(element) in done:
            continue
        band = next((b for b in bands.values() if any(element is e for e in b)), None)
        if band is None or not _is_columns(band, gutter):
            out.append(element)
            done.add(id(element))
            continue
        left = [e for e in band if e.r <= gutter]
        right = [e for e in band if e.l >= gutter]
        members = [*by_columns(left, depth - 1), *by_columns(right, depth - 1)]
        out += members
        done.update(id(member) for member in members)
    return out


def _is_columns(band: Sequence[Any], gutter: float) -> bool:
    """Whether a band has at least two paragraphs on one side and one on the other."""
    left = [e for e in band if e.r <= gutter and _is_prose(e)]
    right = [e for e in band if e.l >= gutter and _is_prose(e)]
    return min(len(left), len(right)) >= 1 and len(left) + len(right) >= 3


def _is_prose(element: Any) -> bool:
    return element.label in _PROSE and len(element.text) >= _PROSE_CHARS


def _gutter(body: Sequence[Any]) -> float | None:
    """Where a vertical line parts most prose and crosses none of it, nor much else."""
    prose = [e for e in body if _is_prose(e)]
    best: tuple[int, float] | None = None
    for edge in sorted({e.r for e in prose}):
        right = [e for e in prose if e.l >= edge]
        left = [e for e in prose if e.r <= edge]
        if not left or not right or len(left) + len(right) < 3:
            continue
        line = (edge + min(e.l for e in right)) / 2
        crossed = [e for e in prose if e.l < line < e.r]
        parted = min(len(left), len(right)) - len(crossed)
        if parted >= 1 and (best is None or parted > best[0]):
            best = (parted, line)
    return best[1] if best is not None else None
