"""Is this PDF whole and open to read? Asked of PDFium, before docling sees it.

To docling a broken, a truncated and an encrypted file all look alike.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from tasks.errors import FileRejected
from tasks.file_access import access_rejection
from tasks.probe_content import misnamed, read_head

# A page is rendered at up to 2 pixels a point for layout and pictures: at 50 million square
# points (98 inches square) that takes 0.8 GB.
PAGE_AREA_MAX_PT2 = 50_000_000
PAGES_MAX = 100_000

_ERROR_PASSWORD = 4  # FPDF_ERR_PASSWORD
_ERROR_SECURITY = 5  # FPDF_ERR_SECURITY


def probe_pdf(path: Path) -> None:
    """Raises FileRejected: `pdf_broken`, `pdf_password`, `pdf_no_pages` or `pdf_page_too_large`.

    Every page's dictionary is read, no page's content. PDFium serves one thread at a time: do
    not call this from several threads of one process.
    """
    import pypdfium2 as pdfium

    head = read_head(path)
    if b"%PDF-" not in head[:1024]:
        raise misnamed("pdf_broken", "a PDF", head)
    try:
        with path.open("rb") as stream:
            try:
                pdf = pdfium.PdfDocument(stream)
            except pdfium.PdfiumError as error:
                raise _load_rejection(error.err_code) from error
            try:
                _check_end(stream.fileno())
                _check_pages(pdf)
            finally:
                pdf.close()
    except OSError as error:
        raise access_rejection(error) from error


def _load_rejection(code: int | None) -> FileRejected:
    if code == _ERROR_PASSWORD:
        return FileRejected(
            "pdf_password", "The PDF opens with a password only: save a copy without one."
        )
    if code == _ERROR_SECURITY:
        return FileRejected(
            "pdf_password",
            "The PDF is protected in a way that cannot be opened: save a copy without protection.",
        )
    if code == 0:  # PDFium opened it and counted no page
        return FileRejected("pdf_no_pages", "The PDF has no pages.")
    return FileRejected(
        "pdf_broken",
        "The PDF is damaged or ends early and cannot be opened: copy it again or save it anew.",
    )


def _check_end(descriptor: int) -> None:
    """PDFium repairs a file that was cut off, and shows the part that is left: refuse it.

    A whole PDF ends with `startxref`; after it there may be waste, but no object.
    """
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
        end = data.rfind(b"startxref")
        if end < 0 or data.find(b"endobj", end) >= 0:
            raise FileRejected(
                "pdf_broken", "The PDF ends early, pages may be missing: copy or save it again."
            )


def _check_pages(pdf) -> None:  # type: ignore[no-untyped-def]
    import pypdfium2 as pdfium

    pages = len(pdf)
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
