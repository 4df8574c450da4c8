"""Is this DOCX, PPTX or XLSX whole, and of bounded size once inflated?

Every part is inflated once, in pieces, and counted as it comes: sizes in headers may lie. That
finds bombs before a parser meets them, and it checks every part's checksum.
"""

from __future__ import annotations

import errno
import lzma
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from tasks.errors import FileRejected
from tasks.file_access import access_rejection
from tasks.probe_content import OLE_MAGIC, misnamed, read_head
from tasks.records import FileKind

TOTAL_BYTES_MAX = 1 << 30
XML_BYTES_MAX = 256 << 20
"""Of all XML parts together. A parsed tree takes several times as much memory."""
RATIO_MAX = 250
RATIO_FROM_BYTES = 32 << 20
"""A part this large that shrank to 1/250 holds nothing but repetition."""
PARTS_MAX = 50_000
_PIECE_BYTES = 1 << 16
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError)

_EXPECTED: dict[str, tuple[str, str]] = {
    "docx": ("a Word document", "wordprocessingml"),
    "pptx": ("a PowerPoint presentation", "presentationml"),
    "xlsx": ("an Excel workbook", "spreadsheetml"),
}
# OPC forbids document types, and nothing but an attack declares entities. UTF-16 is allowed.
_DECLARATIONS = tuple(
    word.encode(encoding)
    for word in ("<!DOCTYPE", "<!ENTITY")
    for encoding in ("ascii", "utf-16-le", "utf-16-be")
)
_OVERLAP_BYTES = max(map(len, _DECLARATIONS)) - 1


def probe_office(path: Path, kind: FileKind) -> None:
    """Raises FileRejected: `office_broken`, `office_password`, `office_old_format` or
    `archive_bomb`. `kind` is docx, pptx or xlsx.
    """
    expected, family = _EXPECTED[kind]
    head = read_head(path)
    if head.startswith(OLE_MAGIC):
        raise _compound_file(path)
    if head.startswith(b"{\\rtf"):
        raise FileRejected(
            "office_old_format", f"The file holds an RTF document: save it anew as .{kind}."
        )
    if not head.startswith(b"PK"):
        raise misnamed("office_broken", expected, head)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive, _main_part(archive, expected, family))
    except _DAMAGE as error:
        raise _damaged(error) from error
    except NotImplementedError as error:
        raise FileRejected(
            "office_broken", f"The file is compressed in a way that Office never uses: {error}."
        ) from error
    except OSError as error:
        # Wrong offsets make the system refuse to seek; bz2 reports its broken data as OSError.
        if error.errno in (None, errno.EINVAL):
            raise _damaged(error) from error
        raise access_rejection(error) from error


def _damaged(error: Exception) -> FileRejected:
    return FileRejected(
        "office_broken", f"The file ends early or is damaged ({error}): copy or save it again."
    )


def _compound_file(path: Path) -> FileRejected:
    """An OLE file: a document encrypted with a password, or of the years before 2007."""
    mark = "EncryptedPackage".encode("utf-16-le")  # a name in the compound file's directory
    encrypted, tail = False, b""
    try:
        with path.open("rb") as stream:
            while not encrypted and (piece := stream.read(_PIECE_BYTES)):
                encrypted = mark in tail + piece
                tail = piece[-len(mark) :]
    except OSError as error:
        return access_rejection(error)
    if encrypted:
        return FileRejected(
            "office_password", "The document opens with a password only: save a copy without one."
        )
    return FileRejected(
        "office_old_format",
        "The file holds an Office document of the format before 2007: save it anew as .docx, "
        ".pptx or .xlsx.",
    )


def _main_part(archive: zipfile.ZipFile, expected: str, family: str) -> str:
    """Name of the part that holds the document, found as Office finds it: by relationship."""
    names = set(archive.namelist())
    if len(names) > PARTS_MAX:
        raise FileRejected("archive_bomb", f"The file holds {len(names)} parts.")
    for needed in ("[Content_Types].xml", "_rels/.rels"):
        if needed not in names:
            raise FileRejected(
                "office_broken", f"The file is an archive without {needed}, not {expected}."
            )
    main = ""
    for element, attributes in _elements(archive, "_rels/.rels"):
        # Word writes names of parts that differ from the usual word/document.xml at times.
        if element == "Relationship" and attributes.get("Type", "").endswith("/officeDocument"):
            main = posixpath.normpath(attributes.get("Target", "").lstrip("/"))
    if main not in names:
        raise FileRejected(
            "office_broken",
            f"The part that holds the document's content ({main or 'unnamed'}) is missing.",
        )
    content_type = ""
    for element, attributes in _elements(archive, "[Content_Types].xml"):
        if element == "Override" and attributes.get("PartName", "").lstrip("/") == main:
            content_type = attributes.get("ContentType", "")
    if content_type and family not in content_type:
        other = next((name for name, word in _EXPECTED.values() if word in content_type), None)
        raise FileRejected(
            "office_broken",
            f"The file is named as {expected} but holds {other or content_type}: rename it.",
        )
    return main


def _elements(archive: zipfile.ZipFile, name: str) -> list[tuple[str, dict[str, str]]]:
    """Local names and attributes of a small part's elements, in order."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, attributes: found.append(
        (tag.rsplit(":", 1)[-1], attributes)
    )
    size = 0
    for piece in _inflated(archive, archive.getinfo(name)):
        size += len(piece)
        if size > 8 << 20:
            raise FileRejected("archive_bomb", f"The part {name} of the file is absurdly large.")
        _refuse_declarations(name, piece)
        _parse(parser, name, piece)
    return found


def _check_parts(archive: zipfile.ZipFile, main: str) -> None:
    total_bytes = xml_bytes = 0
    for info in archive.infolist():
        part_bytes, is_xml, tail = 0, False, b""
        parser = expat.ParserCreate() if info.filename == main else None
        for piece in _inflated(archive, info):
            if part_bytes == 0:
                is_xml = _looks_like_xml(info.filename, piece)
            part_bytes += len(piece)
            total_bytes += len(piece)
            if is_xml:
                xml_bytes += len(piece)
                _refuse_declarations(info.filename, tail + piece)
                tail = piece[-_OVERLAP_BYTES:]
            _check_sizes(info, part_bytes, xml_bytes, total_bytes)
            if parser is not None:
                _parse(parser, main, piece)
        if parser is not None:
            _parse(parser, main, b"", last=True)


def _check_sizes(info: zipfile.ZipInfo, part_bytes: int, xml_bytes: int, total_bytes: int) -> None:
    too_large = total_bytes > TOTAL_BYTES_MAX or xml_bytes > XML_BYTES_MAX
    hollow = part_bytes > RATIO_FROM_BYTES and part_bytes > RATIO_MAX * info.compress_size
    if too_large or hollow:
        raise FileRejected(
            "archive_bomb",
            f"The file swells beyond what is read when it is unpacked (part {info.filename}: "
            f"{part_bytes:,} bytes and more from {info.compress_size:,}).",
        )


def _looks_like_xml(name: str, start: bytes) -> bool:
    if name.lower().endswith((".xml", ".rels", ".vml")):
        return True
    return start.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")


def _refuse_declarations(name: str, data: bytes) -> None:
    if any(word in data for word in _DECLARATIONS):
        raise FileRejected(
            "archive_bomb",
            f"The part {name} of the file declares XML entities, as Office never does and "
            "attacks do.",
        )


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    if info.flag_bits & 1:
        raise FileRejected(
            "office_password", "The file's parts are encrypted: save a copy without a password."
        )
    with archive.open(info) as part:
        while piece := part.read(_PIECE_BYTES):
            yield piece


def _parse(parser: expat.XMLParserType, name: str, piece: bytes, *, last: bool = False) -> None:
    try:
        parser.Parse(piece, last)
    except expat.ExpatError as error:
        raise FileRejected(
            "office_broken", f"The part {name} of the file is not well-formed XML: {error}."
        ) from error
