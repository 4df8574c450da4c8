"""`extract_file`: one file as an ExtractedDocument. Runs in a worker process that stays alive.

docling is imported at the first document that needs it. Converters are built once per process
and options.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import FileRejected
from tasks.extraction.invisible import LeftOut
from tasks.extraction.options import ExtractionOptions
from tasks.records import ExtractedDocument, FileKind, Profile

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult

_NAMES: dict[FileKind, str] = {
    "docx": "document.docx",
    "pptx": "document.pptx",
    "xlsx": "document.xlsx",
    "html": "document.html",
    "markdown": "document.md",
    "csv": "document.csv",
}
_TEXT_KINDS: frozenset[FileKind] = frozenset({"markdown", "csv", "text"})
_PAGE_KINDS: frozenset[FileKind] = frozenset({"pdf", "image"})


def extract_file(
    path: Path, kind: FileKind, options: ExtractionOptions, images_dir: Path
) -> ExtractedDocument:
    """Extracts a local file; its pictures are written into `images_dir`.

    Raises FileRejected (`no_text`, `conversion_failed`, `undecodable_text`, `out_of_memory`) for
    a file that cannot be used, EngineUnavailable where an engine cannot start, StorageError where
    a picture cannot be written.
    """
    started = time.perf_counter()
    doc_id = _hash(path)
    left_out = LeftOut()
    if kind == "text":
        from tasks.extraction.invisible_controls import without_smuggled
        from tasks.extraction.plain_text import decode_text, text_blocks

        text, smuggled = without_smuggled(decode_text(path.read_bytes()))
        left_out.add("controls", smuggled)
        document = ExtractedDocument(
            doc_id=doc_id,
            blocks=tuple(text_blocks(text)),
            profile=Profile(name="direct"),
        )
    elif kind in _PAGE_KINDS:
        _quiet()
        from tasks.extraction.paged import extract_pages

        document = extract_pages(path, kind, options, images_dir, doc_id, left_out)
    else:
        _quiet()
        document = _extract_direct(path, kind, options, images_dir, doc_id, left_out)
    document = left_out.noted_in(document)
    _refuse_empty(document, kind, options)
    seconds = round(time.perf_counter() - started, 3)
    return document.model_copy(update={"seconds": seconds})


def _extract_direct(
    path: Path,
    kind: FileKind,
    options: ExtractionOptions,
    images_dir: Path,
    doc_id: str,
    left_out: LeftOut,
) -> ExtractedDocument:
    """Formats that docling reads without a model. The file is given as a stream: a document that
    has no place cannot point at its neighbours."""
    from docling.datamodel.base_models import DocumentStream

    from tasks.extraction.converters import converter_for, profile_of
    from tasks.extraction.found_pictures import EMU_PER_POINT, PictureStore
    from tasks.extraction.invisible_items import settle_items
    from tasks.extraction.markdown import to_blocks
    from tasks.extraction.plain_text import decode_text

    data = path.read_bytes()
    if kind in _TEXT_KINDS:
        data = decode_text(data).encode()
    data = _without_unseen(data, kind, left_out)
    # The profile and the page options do not matter to these formats: one converter serves all.
    converter = converter_for(kind, ExtractionOptions())
    source = DocumentStream(name=_NAMES[kind], stream=BytesIO(data))
    result = converter.convert(source, raises_on_error=False)
    check_conversion(result)
    document = result.document
    settle_items(document, left_out)
    store = PictureStore(images_dir, 1 / EMU_PER_POINT if kind == "pptx" else 1.0)
    paged = kind == "pptx"  # docling counts the sheets of a workbook as pages, too
    image_ids = store.take(document, with_places=paged)
    blocks = to_blocks(document, image_ids)
    if not paged:
        blocks = [block.model_copy(update={"pages": ()}) for block in blocks]
    return ExtractedDocument(
        doc_id=doc_id,
        blocks=tuple(blocks),
        pictures=tuple(store.found),
        dropped_pictures=tuple(store.dropped),
        page_count=len(document.pages) if paged else None,
        profile=profile_of(kind, options, ocr_used=False),
    )


def _without_unseen(data: bytes, kind: FileKind, left_out: LeftOut) -> bytes:
    """The file's bytes without the text that no reader sees; the same ones where there is none."""
    if kind == "docx":
        from tasks.extraction.invisible_word import visible_word

        return visible_word(data, left_out)
    if kind == "pptx":
        from tasks.extraction.invisible_slides import visible_slides

        return visible_slides(data, left_out)
    if kind == "html":
        from tasks.extraction.invisible_html import visible_html

        return visible_html(data, left_out)
    if kind == "markdown":
        from tasks.extraction.invisible_markdown import visible_markdown

        return visible_markdown(data.decode(), left_out).encode()
    return data


def check_conversion(result: ConversionResult) -> None:
    """Raises FileRejected where docling gave the file up."""
    from docling.datamodel.base_models import ConversionStatus

    if result.status in (ConversionStatus.SUCCESS, ConversionStatus.PARTIAL_SUCCESS):
        return
    reasons = "; ".join(dict.fromkeys(error.error_message for error in result.errors))
    if "bad_alloc" in reasons or "MemoryError" in reasons:
        raise FileRejected(
            "out_of_memory", "The document needs more memory than there is.", retryable=True
        )
    raise FileRejected(
        "conversion_failed",
        f"The document cannot be read: {reasons or 'docling gave no reason'}."[:500],
    )


def _refuse_empty(document: ExtractedDocument, kind: FileKind, options: ExtractionOptions) -> None:
    if any(block.markdown.strip() for block in document.blocks):
        return
    hint = ""
    if document.invisible_characters:
        hint = f" It has {document.invisible_characters:,} characters that no reader sees."
    if kind in _PAGE_KINDS and (options.ocr == "never" or options.profile == "native"):
        hint += " Its pages may be scans: OCR was not allowed."
    raise FileRejected("no_text", f"The document has neither text nor pictures.{hint}")


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _quiet() -> None:
    """Before docling is imported: no hub, and no lines of libraries in the user's terminal."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    for name in ("docling", "docling_core", "RapidOCR", "rapidocr"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"docling.*")
