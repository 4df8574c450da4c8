"""PDF files of one page for tests, from content streams and objects written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def raw_pdf(
    path: Path,
    content: str,
    *,
    page: str = "",
    resources: str = "",
    fonts: str = "",
    catalogue: str = "",
    objects: Sequence[str] = (),
) -> Path:
    """Writes the file. `/F1` is Helvetica, object 4; `objects` are numbered from 6."""
    bodies = [
        f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] {page} /Contents 5 0 R "
        f"/Resources << /Font << /F1 4 0 R {fonts} >> {resources} >> >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        *objects,
    ]
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("ascii")
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(bodies) + 1,
        start,
    )
    path.write_bytes(bytes(out))
    return path


def shown(x: float, y: float, text: str, size: float = 11) -> str:
    """Operators that show a line of text; `y` from the bottom of the page."""
    return f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n"
