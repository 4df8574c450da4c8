"""The cells of one PDF page without the text that no reader sees.

A first look asks PDFium for the page's text objects and renders the page twice in grey, with text
and without. Where every word leaves ink, and no object is strange, the page is left as it is. The
others are read character by character (`invisible_verdicts`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pypdfium2.raw as pdfium
from docling_core.types.doc.page import (
    PdfCellRenderingMode,
    SegmentedPdfPage,
)

from tasks.extraction.invisible import Cause, visible_length
from tasks.extraction.invisible_cells import (
    area_of,
    box_of,
    is_flat,
    kept_text,
    narrowed,
    share_inside,
)
from tasks.extraction.invisible_chars import Judgement, PageChars
from tasks.extraction.invisible_colours import FAINTEST
from tasks.extraction.invisible_ink import (
    Boxes,
    Pixels,
    Rendering,
    crop,
    own_colour_share,
    shows_ink,
)
from tasks.extraction.invisible_layer import settle_layer
from tasks.extraction.invisible_objects import (
    NO_PAINT,
    ONLY_CLIP,
    Box,
    PageFrame,
    PageObjects,
    TextObject,
    page_objects,
)
from tasks.extraction.invisible_overlap import texts_under_others
from tasks.extraction.invisible_verdicts import is_tiny, read_chars

_SCAN_SHARE = 0.8
"""Of a page that images cover, from which on it is a scan, and invisible text its OCR layer."""
_NO_INK = (PdfCellRenderingMode.INVISIBLE, PdfCellRenderingMode.ONLY_CLIPPING)
_STICKS_OUT_PT = 1.0
Finding = Literal["clean", "sticks_out", "doubtful"]
_HIDDEN_ANNOTATION = 0x01 | 0x02 | 0x20  # invisible, hidden, no view


@dataclass
class PageLook:
    """One page: docling's cells and image of it, and PDFium's page."""

    document: Any
    page: Any
    cells: SegmentedPdfPage
    image: Callable[[], Pixels]
    image_scale: float
    counts: Counter[Cause] = field(default_factory=Counter)

    @cached_property
    def frame(self) -> PageFrame:
        return PageFrame(self.page)

    @cached_property
    def objects(self) -> PageObjects:
        return page_objects(self.page, self.frame)

    @cached_property
    def painting(self) -> list[TextObject]:
        return [text for text in self.objects.texts if text.mode not in (NO_PAINT, ONLY_CLIP)]

    @cached_property
    def _under_others(self) -> list[TextObject]:
        return texts_under_others(self.painting, self.frame)

    @cached_property
    def fine(self) -> Rendering:
        return Rendering(self.page, self.painting, self._under_others, fine=True)

    @cached_property
    def docling_image(self) -> Pixels:
        return self.image()

    # --- first look --------------------------------------------------------------------------

    def first_look(self) -> Finding:
        """What the page needs: most need nothing more."""
        texts = self.objects.texts
        if any(text.mode in (NO_PAINT, ONLY_CLIP) or is_tiny(text) for text in texts):
            return "doubtful"
        words = [cell for cell in self.cells.word_cells if cell.text.strip()]
        if any(is_flat(cell) or cell.widget for cell in words):
            return "doubtful"
        if words or texts:
            coarse = Rendering(self.page, self.painting, self._under_others, fine=False)
            on_page = [text for text in texts if not self.frame.is_outside(text.box)]
            with_ink = [text for text in on_page if area_of(text.box) > 0]  # not spaces
            if (
                not coarse.painted_by(with_ink, _rows([text.box for text in with_ink])).all()
                or not coarse.painted(_rows([box_of(cell) for cell in words])).all()
                or coarse.mostly_own_colour(with_ink).any()
            ):
                return "doubtful"
        if any(self.frame.sticks_out(text.box, _STICKS_OUT_PT) for text in texts):
            return "sticks_out"
        return "clean"

    # --- second look -------------------------------------------------------------------------

    def count_off_page(self) -> None:
        """docling has left out what stands beside the page: `counts` says how much."""
        self.counts["off_page"] += self._chars(None).off_page

    def remove_unseen(self) -> None:
        """Takes unseen text out of the page's cells; `counts` says how much."""
        chars = self._chars(self.fine if self.painting else None)
        self.counts["off_page"] += chars.off_page
        settle_layer(
            chars,
            [(cell.text, box_of(cell)) for cell in self.cells.textline_cells],
            [(cell.text, box_of(cell)) for cell in self.cells.word_cells],
            self._shows_ink,
        )
        self.cells.word_cells = self._seen(self.cells.word_cells, chars, Counter())
        self.cells.textline_cells = self._seen(self.cells.textline_cells, chars, self.counts)

    def _chars(self, rendering: Rendering | None) -> PageChars:
        return read_chars(
            self.document,
            self.page,
            self.frame,
            self.objects,
            rendering,
            scanned=self._is_scanned,
            looks_blank=lambda box: not self._docling_shows(box),
            looks_own_colour=self._docling_agrees,
        )

    def _seen(self, cells: Sequence[Any], chars: PageChars, counts: Counter[Cause]) -> list[Any]:
        parts = (self._seen_part(cell, chars, counts) for cell in cells)
        return [part for part in parts if part is not None]

    def _seen_part(self, cell: Any, chars: PageChars, counts: Counter[Cause]) -> Any:
        """The cell, what is seen of it, or None."""
        if not cell.text.strip():
            return cell
        judgement = self._judge(cell, chars)
        if judgement.stays and (judgement.kept is None or all(judgement.kept)):
            return cell
        kept = kept_text(cell.text, judgement)
        counts[judgement.cause] += visible_length(cell.text) - visible_length(kept)
        if not kept:
            return None
        return cell.model_copy(
            update={"text": kept, "orig": kept, "rect": narrowed(cell.rect, judgement.box)}
        )

    def _judge(self, cell: Any, chars: PageChars) -> Judgement:
        box = box_of(cell)
        if is_flat(cell):
            return chars.judge_flat(cell.text, box)
        if chars.touches_doubtful(box):
            return chars.judge(cell.text, box, self._shows_ink)
        if not chars.is_empty(box):
            return Judgement(kept=None, stays=True)
        if cell.rendering_mode in _NO_INK:  # docling places it elsewhere than PDFium
            stays = self._is_scanned and self._shows_ink(box)
            return Judgement(kept=None, stays=stays, cause="render_mode")
        if self._is_unseen_annotation(cell, box, chars):
            return Judgement(kept=None, stays=False, cause="hidden")
        return Judgement(kept=None, stays=True)

    def _is_unseen_annotation(self, cell: Any, box: Box, chars: PageChars) -> bool:
        """Of text that is not on the page itself: the value of a form field, a comment's text."""
        if cell.widget and any(
            share_inside(box, hidden) > 0.5 for hidden in self._hidden_annotations
        ):
            return True
        return (
            not shows_ink(crop(self.fine.full, box, self.fine.scale))
            and not self._docling_shows(box)
            # docling may place a text where it does not stand: then it is seen elsewhere.
            and "".join(cell.text.split()).lower() not in chars.seen_text
        )

    @cached_property
    def _hidden_annotations(self) -> list[Box]:
        boxes = []
        for index in range(pdfium.FPDFPage_GetAnnotCount(self.page)):
            annotation = pdfium.FPDFPage_GetAnnot(self.page, index)
            if not annotation:
                continue
            rect = pdfium.FS_RECTF()
            if pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN_ANNOTATION and (
                pdfium.FPDFAnnot_GetRect(annotation, rect)
            ):
                boxes.append(self.frame.shown(rect.left, rect.bottom, rect.right, rect.top))
            pdfium.FPDFPage_CloseAnnot(annotation)
        return boxes

    # --- what is shown -----------------------------------------------------------------------

    def _docling_shows(self, box: Box) -> bool:
        return shows_ink(crop(self.docling_image, box, self.image_scale))

    def _shows_ink(self, box: Box) -> bool:
        """Whether there is ink that no text of the page paints. Of a scan either renderer may tell,
        as its format may be one that the other does not read; PDFium alone knows what is painted
        through letters."""
        if self._is_scanned and self._docling_shows(box):
            return True
        return shows_ink(crop(self.fine.bare, box, self.fine.scale))

    def _docling_agrees(self, text: TextObject) -> bool:
        """Whether docling's renderer, too, shows little but the text's own colour there."""
        pixels = crop(self.docling_image, text.box, self.image_scale)
        return not pixels.size or own_colour_share(pixels, text, 2 * FAINTEST) >= 0.5

    @cached_property
    def _is_scanned(self) -> bool:
        """Whether images, in one piece or in strips, cover the page."""
        frame = self.frame
        steps = 20
        covered = np.zeros((steps, steps), dtype=bool)
        for left, top, right, bottom in self.objects.images:
            columns = slice(
                max(0, math.ceil(left / frame.width * steps - 0.5)),
                max(0, math.floor(right / frame.width * steps + 0.5)),
            )
            rows = slice(
                max(0, math.ceil(top / frame.height * steps - 0.5)),
                max(0, math.floor(bottom / frame.height * steps + 0.5)),
            )
            covered[rows, columns] = True
        return float(covered.mean()) >= _SCAN_SHARE


def _rows(boxes: Sequence[Box]) -> Boxes:
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)
