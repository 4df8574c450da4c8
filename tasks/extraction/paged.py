"""PDF and image files: converted in windows of pages, put together as one document."""

from __future__ import annotations

import ctypes
import gc
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docling.datamodel.base_models import ConversionStatus, DocumentStream
from docling_core.types.doc import DoclingDocument

from tasks.errors import FileRejected
from tasks.extraction.converters import converter_for, profile_of
from tasks.extraction.found_pictures import PictureStore
from tasks.extraction.headings import HeadingStyles
from tasks.extraction.invisible import LeftOut
from tasks.extraction.invisible_pdf import SeenTextDocumentBackend
from tasks.extraction.markdown import to_blocks
from tasks.extraction.options import ExtractionOptions
from tasks.extraction.running_lines import settle_running_lines
from tasks.extraction.worker import check_conversion
from tasks.records import Block, ExtractedDocument, FileKind, Reject

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult

_STREAM_NAMES: dict[FileKind, str] = {"pdf": "document.pdf", "image": "document.png"}
_SUFFIXES: dict[FileKind, frozenset[str]] = {
    "pdf": frozenset({".pdf"}),
    "image": frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}),
}

_frozen: list[bool] = []


def extract_pages(
    path: Path,
    kind: FileKind,
    options: ExtractionOptions,
    images_dir: Path,
    doc_id: str,
    left_out: LeftOut,
) -> ExtractedDocument:
    """Every page of a PDF or of an image file. Memory is bounded by the window, not the file."""
    converter = converter_for(kind, options)
    # docling goes by the name's end; a PDF may be called anything.
    named = path.suffix.lower() in _SUFFIXES[kind]
    store = PictureStore(images_dir)
    styles = HeadingStyles()
    parts: list[tuple[DoclingDocument, dict[str, str]]] = []
    failed: list[Reject] = []
    ocr_used = False
    page_count, first = 1, 1
    while first <= page_count:
        last = first + options.page_window - 1
        source: Path | DocumentStream = (
            path
            if named
            else DocumentStream(name=_STREAM_NAMES[kind], stream=BytesIO(path.read_bytes()))
        )
        result = converter.convert(source, raises_on_error=False, page_range=(first, last))
        page_count = result.input.page_count or 0
        _check_window(result, first, failed)
        ocr_used = ocr_used or any(cell.from_ocr for page in result.pages for cell in page.cells)
        styles.collect(result)
        if isinstance(result.input._backend, SeenTextDocumentBackend):
            left_out.merge(result.input._backend.left_out)
        parts.append((result.document, store.take(result.document)))
        _free(result)
        del result
        first = last + 1
    documents = [document for document, _ in parts]
    title_ref = styles.assign(documents)
    settle_running_lines(documents)
    blocks: list[Block] = []
    for number, (document, image_ids) in enumerate(parts):
        blocks += to_blocks(document, image_ids, title_ref if number == 0 else None)
    return ExtractedDocument(
        doc_id=doc_id,
        blocks=tuple(blocks),
        pictures=tuple(store.found),
        dropped_pictures=(*store.dropped, *failed),
        page_count=page_count,
        profile=profile_of(kind, options, ocr_used),
    )


def _check_window(result: ConversionResult, first: int, failed: list[Reject]) -> None:
    """A document none of whose pages can be read is refused; single pages are listed."""
    if result.status == ConversionStatus.FAILURE and not (first > 1 and result.errors):
        check_conversion(result)
    for error in result.errors:
        if "bad_alloc" in error.error_message or "MemoryError" in error.error_message:
            raise FileRejected(
                "out_of_memory", "The document needs more memory than there is.", retryable=True
            )
        page = f"Page {error.page_no}" if error.page_no else f"A page from {first} on"
        failed.append(
            Reject(
                file_path="",
                step="extract",
                reason="page_failed",
                detail=f"{page} cannot be read: {error.error_message}"[:500],
            )
        )


def _collect() -> None:
    """Collect garbage, without walking docling's own hundreds of thousands of objects each time.

    What the first window leaves alive (modules, models, converters) stays for good: frozen, it
    costs the collector nothing. Unfrozen it took a third of the time of short documents.
    """
    gc.collect()
    if not _frozen:
        gc.freeze()
        _frozen.append(True)


def _free(result: Any) -> None:
    """Give a window's pages and images back before the next one is read."""
    for page in result.pages:
        page._image_cache = {}
        page.parsed_page = None
    for picture in result.document.pictures:
        picture.image = None
    result.pages.clear()
    _collect()
    if sys.platform.startswith("linux"):
        # glibc keeps what native code freed: without this a long document grows page by page.
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):
            return  # another libc, without that habit
