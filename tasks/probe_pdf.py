"""Is this PDF whole and open to read? Asked of PDFium, before docling sees it.

To docling a broken, a truncated and an encrypted file all look alike.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from tasks.errors import FileRejected
from tasks.file_access import access_rejection
from tasks.probe_content import misnamed, read_head

# A page is rendered at up to 2 pixels a point for layout and pictures: at 50 million square
# points (98 inches square) that takes 0.8 GB.
PAGE_AREA_MAX_PT2 = 50_000_000
PAGES_MAX = 100_000
_PIECE_BYTES = 1 << 16

_ERROR_PASSWORD = 4  # FPDF_ERR_PASSWORD
_ERROR_SECURITY = 5  # FPDF_ERR_SECURITY


def probe_pdf(path: Path) -> None:
    """Raises FileRejected: `pdf_broken`, `pdf_password`, `pdf_no_pages` or `pdf_page_too_large`.

    Every page's dictionary is read, no page's content. PDFium serves one thread at a time: do
    not call this from several threads of one process.
    """
    import pypdfium2 as pdfium
    from pypdfium2.internal import get_bufreader

    head = read_head(path)
    if b"%PDF-" not in head[:1024]:
        raise misnamed("pdf_broken", "a PDF", head)
    try:
        with path.open("rb") as stream:
            # Loaded by hand: PdfDocument calls a PDF without pages an error too, and gives it
            # the code of whatever failed before.
            reader, kept_alive = get_bufreader(stream)
            handle = pdfium.raw.FPDF_LoadCustomDocument(reader, None)
            if not handle:
                raise _load_rejection(pdfium.raw.FPDF_GetLastError())
            pdf = pdfium.PdfDocument(handle)
            try:
                _check_end(stream)
                _check_pages(pdf)
            finally:
                pdf.close()
                del kept_alive
    except OSError as error:
        raise access_rejection(error) from error


def _load_rejection(code: int) -> FileRejected:
    if code == _ERROR_PASSWORD:
        return FileRejected(
            "pdf_password", "The PDF opens with a password only: save a copy without one."
        )
    if code == _ERROR_SECURITY:
        return FileRejected(
            "pdf_password",
            "The PDF is protected in a way that cannot be opened: save a copy without protection.",
        )
    return FileRejected(
        "pdf_broken",
        "The PDF is damaged or ends early and cannot be opened: copy it again or save it anew.",
    )


def _check_end(stream: BinaryIO) -> None:
    """PDFium repairs a file that was cut off, and shows the part that is left: refuse it.

    A whole PDF ends with `startxref`; after it there may be waste, but no object. (Read in
    pieces, not mapped: a mapped file that shrinks meanwhile kills the process.)
    """
    position = stream.seek(0, os.SEEK_END)
    following = b""
    while position > 0:
        start = max(0, position - _PIECE_BYTES)
        stream.seek(start)
        piece = stream.read(position - start) + following
        end, last_object = piece.rfind(b"startxref"), piece.rfind(b"endobj")
        if end > last_object:
            return
        if last_object >= 0:
            break
        following = piece[: len(b"startxref") - 1]
        position = start
    raise FileRejected(
        "pdf_broken", "The PDF ends early, pages may be missing: copy or save it again."
    )


def _check_pages(pdf) -> None:  # type: ignore[no-untyped-def]
    import pypdfium2 as pdfium

    pages = len(pdf)
    if pages == 0:
        raise FileRejected("pdf_no_pages", "The PDF has no pages.")
    if pages > PAGES_MAX:
        raise FileRejected(
            "pdf_broken", f"The PDF says that it has {pages} pages, above {PAGES_MAX}: split it."
        )
    for index in range(pages):
        try:
            width_pt, height_pt = pdf.get_page_size(index)
        except pdfium.PdfiumError as error:
            raise FileRejected(
                "pdf_broken",
                f"Page {index + 1} of {pages} of the PDF cannot be read: copy or save it again.",
            ) from error
        if width_pt * height_pt > PAGE_AREA_MAX_PT2:
            raise FileRejected(
                "pdf_page_too_large",
                f"Page {index + 1} of the PDF measures {width_pt:.0f} x {height_pt:.0f} points, "
                "too large to be rendered: print it to a smaller paper size.",
            )
