"""A look at a file before docling opens it: is it whole, harmless, and what its name says?

Memory and time are bounded whatever the file holds; what cannot be used is a FileRejected with
a sentence for the person who owns the file.
"""

from __future__ import annotations

from pathlib import Path

from tasks.errors import FileRejected
from tasks.file_access import access_rejection, regular_file_size
from tasks.pictures import check_frames, open_picture
from tasks.probe_content import content_name, is_binary, misnamed, read_head
from tasks.probe_office import probe_office
from tasks.probe_pdf import probe_pdf
from tasks.records import FileKind

TEXT_BYTES_MAX = 64 << 20
_PIECE_BYTES = 1 << 16

_TEXT_NAMES: dict[str, str] = {
    "html": "a web page",
    "markdown": "Markdown text",
    "csv": "a CSV table",
    "text": "plain text",
}


def probe_file(path: Path, kind: FileKind) -> None:
    """Return where the file at `path` can be given to docling as a `kind`.

    Raises FileRejected, with the reason `empty_file`, `file_vanished`, `file_unreadable`, or one
    of those that `probe_pdf`, `probe_office`, `open_picture` and `probe_text` name.
    """
    size_bytes = regular_file_size(path)
    if kind == "pdf":
        probe_pdf(path)
    elif kind in ("docx", "pptx", "xlsx"):
        probe_office(path, kind)
    elif kind == "image":
        probe_image(path)
    else:
        probe_text(path, kind, size_bytes)


def probe_image(path: Path) -> None:
    """Decodes every page of a TIFF, the first frame of anything else."""
    head = read_head(path)
    found = content_name(head)
    if found is not None and "picture" not in found and "HEIF" not in found:
        raise misnamed("image_corrupt", "a picture", head)
    if found == "a TIFF picture":
        check_frames(path)
    else:
        open_picture(path)


def probe_text(path: Path, kind: FileKind, size_bytes: int) -> None:
    """Raises FileRejected: `text_too_large`, or `text_binary` where it is no text at all."""
    if size_bytes > TEXT_BYTES_MAX:
        raise FileRejected(
            "text_too_large",
            f"The file has {size_bytes:,} bytes of text, above {TEXT_BYTES_MAX:,}: split it.",
        )
    head = read_head(path)
    found = content_name(head)
    if found not in (None, "plain text", "a web page", "XML") and is_binary(head):
        raise misnamed("text_binary", _TEXT_NAMES[kind], head)
    says_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE_BYTES):
                if not says_utf16 and is_binary(piece):
                    raise FileRejected(
                        "text_binary",
                        f"The file is named as {_TEXT_NAMES[kind]} but holds binary data, or "
                        "text in an unmarked UTF-16: save it as UTF-8.",
                    )
    except OSError as error:
        raise access_rejection(error) from error
