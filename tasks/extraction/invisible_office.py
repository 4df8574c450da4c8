"""Parts of an Office file, read and written again where text was taken out of them.

The file on disk is not touched: the copy without unseen text is made in memory, and only if there
is any. A file or part that cannot be read is left to docling, which says what is wrong with it.
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from tasks.probe_office import XML_BYTES_MAX

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    OSError,
)
_HEAD_BYTES = 4096


def xml_parts(data: bytes, family: bytes) -> dict[str, bytes]:
    """The XML parts of a file that are written in a vocabulary, by name (`wordprocessingml`)."""
    found: dict[str, bytes] = {}
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if not info.filename.lower().endswith(".xml"):
                    continue
                total += info.file_size
                if total > XML_BYTES_MAX:
                    return {}
                content = archive.read(info)
                # A zero in every other byte: UTF-16, which Office reads and never writes.
                if family in content[:_HEAD_BYTES].replace(b"\x00", b""):
                    found[info.filename] = content
    except _DAMAGE:
        return {}
    return found


def with_parts(data: bytes, changed: dict[str, bytes]) -> bytes:
    """A copy of the file with other content in some parts. Not compressed: it is read once."""
    copy = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as archive,
        zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as out,
    ):
        for info in archive.infolist():
            content = changed.get(info.filename)
            out.writestr(info.filename, archive.read(info) if content is None else content)
    return copy.getvalue()


def parse(content: bytes) -> Any:
    """The root element of a part; None where it is not well-formed."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return None


def edit(data: bytes, contents: dict[str, bytes], change: Callable[[str, Any], bool]) -> bytes:
    """The file after `change` has seen the root of each part, and said which it has altered."""
    from lxml import etree

    changed: dict[str, bytes] = {}
    for name, content in contents.items():
        root = parse(content)
        if root is not None and change(name, root):
            changed[name] = etree.tostring(
                root, xml_declaration=True, encoding="UTF-8", standalone=True
            )
    return with_parts(data, changed) if changed else data


def local(element: Any) -> str:
    """An element's name without its namespace; empty for comments."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
