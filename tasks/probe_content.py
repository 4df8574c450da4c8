"""What a file holds, told from its first bytes: for the sentence about a misnamed file."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import FileRejected
from tasks.file_access import access_rejection

HEAD_BYTES = 4096
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP_MAGIC = b"PK\x03\x04"

_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b")

_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF"),
    (OLE_MAGIC, "an Office document of the old or the password-protected kind"),
    (ZIP_MAGIC, "a ZIP archive or an Office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"%!PS", "PostScript"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"\xfd7zXZ\x00", "xz-compressed data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)


def read_head(path: Path) -> bytes:
    """The first 4 KiB. Raises FileRejected where the file cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError as error:
        raise access_rejection(error) from error


def content_name(head: bytes) -> str | None:
    """A noun with its article for what starts with `head`; None where nothing is recognised."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp":
        return "a HEIF, AVIF or video file"
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return name
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if start.startswith(b"<?xml"):
        return "XML"
    if not is_binary(head):
        return "plain text"
    return None


def is_binary(head: bytes) -> bool:
    """Whether bytes look like no text at all: control characters that no text has."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16 or UTF-32 that says so
        return False
    controls = len(head) - len(head.translate(None, delete=_CONTROLS))
    return b"\x00" in head or controls > len(head) // 50


def misnamed(reason: str, expected: str, head: bytes) -> FileRejected:
    """A rejection of a file whose content is not `expected` ("a PDF", say)."""
    found = content_name(head)
    if found is None:
        return FileRejected(reason, f"The file's content is not {expected}, whatever its name.")
    return FileRejected(
        reason,
        f"The file is named as {expected} but holds {found}: rename it, or save it anew.",
    )
