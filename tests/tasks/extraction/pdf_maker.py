"""Small PDF files for tests, written by hand: text in the fonts that every reader has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FONTS = {"body": "Helvetica", "bold": "Helvetica-Bold", "mono": "Courier"}


class Line(NamedTuple):
    """A line of text; `y` in points from the top of a page of 595 x 842."""

    x: float
    y: float
    text: str
    font: str = "body"
    size: float = 11.0


def write_pdf(path: Path, pages: Sequence[Sequence[Line]]) -> Path:
    """Writes a PDF of Latin text and returns its path."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    names = list(FONTS)
    first_page = 3 + len(names)
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects += [
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{FONTS[name]} "
        "/Encoding /WinAnsiEncoding >>".encode()
        for name in names
    ]
    # Keys that say nothing, as most programs write them.
    keys = {name: f"F{n}" for n, name in enumerate(names, start=1)}
    fonts = " ".join(f"/{keys[name]} {3 + n} 0 R" for n, name in enumerate(names))
    for number, lines in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << {fonts} >> >> "
            f"/Contents {first_page + 2 * number + 1} 0 R >>".encode()
        )
        stream = "\n".join(
            f"BT /{keys[line.font]} {line.size} Tf {line.x} {842 - line.y} Td "
            f"({_escaped(line.text)}) Tj ET"
            for line in lines
        ).encode("cp1252")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    path.write_bytes(bytes(out))
    return path


def paragraph(x: float, y: float, lines: Sequence[str], size: float = 11.0) -> list[Line]:
    """Lines of one paragraph under each other."""
    return [Line(x, y + 1.25 * size * n, text, size=size) for n, text in enumerate(lines)]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
