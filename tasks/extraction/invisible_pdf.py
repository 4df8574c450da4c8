"""docling's PDF backend, whose pages hold no text that a reader does not see.

It stands at the source: layout, tables, the rescue of words that no region covers and OCR all
work on what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pypdfium2
from docling.backend.docling_parse_backend import (
    ThreadedDoclingParseDocumentBackend,
    ThreadedDoclingParsePageBackend,
)
from docling.utils.locks import pypdfium2_lock

from tasks.extraction.invisible import LeftOut
from tasks.extraction.invisible_controls import clean_items
from tasks.extraction.invisible_ink import Pixels
from tasks.extraction.invisible_page import PageLook

if TYPE_CHECKING:
    from docling_core.types.doc.page import SegmentedPdfPage

_SIZES_DIFFER_PT = 1.0


class SeenTextPageBackend(ThreadedDoclingParsePageBackend):
    """A page whose cells are looked at once, when they are first asked for."""

    def __init__(self, document: SeenTextDocumentBackend, page: Any, rendered: bool) -> None:
        super().__init__(page, rendered=rendered)
        self._document = document

    def get_segmented_page(self) -> SegmentedPdfPage | None:
        first = self._seg_page is None
        cells = super().get_segmented_page()
        if first and cells is not None:
            self._document.remove_unseen(self, cells)
        return cells


class SeenTextDocumentBackend(ThreadedDoclingParseDocumentBackend):
    """`left_out` says what the pages that were read have lost."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.left_out = LeftOut()
        self._pdf: Any = None
        self._scale: float = getattr(self.options, "render_scale", 1.0)

    def iter_pages(self) -> Iterator[ThreadedDoclingParsePageBackend]:
        for page in super().iter_pages():
            yield SeenTextPageBackend(self, page._result, page._rendered)

    def remove_unseen(self, backend: SeenTextPageBackend, cells: SegmentedPdfPage) -> None:
        """Takes unseen text out of a page's cells, in place."""
        with pypdfium2_lock:
            page = self._page(backend.page_no)
            try:
                self._look(backend, cells, page)
            finally:
                page.close()
        clean_items(cells.word_cells, LeftOut())
        clean_items(cells.textline_cells, self.left_out)

    def _look(self, backend: SeenTextPageBackend, cells: SegmentedPdfPage, page: Any) -> None:
        def image() -> Pixels:
            return np.asarray(backend.get_page_image(scale=self._scale))

        look = PageLook(self._pdf, page, cells, image, self._scale)
        shown, told = look.frame, backend.get_size()
        if max(abs(shown.width - told.width), abs(shown.height - told.height)) > _SIZES_DIFFER_PT:
            return
        finding = look.first_look()
        if finding == "doubtful":
            look.remove_unseen()
        elif finding == "sticks_out":
            look.count_off_page()
        self.left_out.update(look.counts)

    def _page(self, page_no: int) -> Any:
        if self._pdf is None:
            source = self.path_or_stream
            content = source.getvalue() if isinstance(source, BytesIO) else source
            password = self.options.password
            self._pdf = pypdfium2.PdfDocument(
                content, password=password.get_secret_value() if password else None
            )
            self._pdf.init_forms()
        return self._pdf[page_no - 1]

    def unload(self) -> None:
        if self._pdf is not None:
            with pypdfium2_lock:
                self._pdf.close()
            self._pdf = None
        super().unload()
