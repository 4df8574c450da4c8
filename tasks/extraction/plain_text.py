"""Bytes of a text file as text, and text as blocks."""

from __future__ import annotations

import codecs
import re

from tasks.errors import FileRejected
from tasks.records import Block

# A mark states the encoding. UTF-32 first: its little-endian mark starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BIG5_COMMON = re.compile("[的一是不了在人有我他這個們中來上大為和國地到以說時要就出會]")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


def decode_text(data: bytes) -> str:
    """Text of unknown encoding: a byte order mark, UTF-8, UTF-16 without a mark, then Chinese
    (GB 18030, Big5), then Windows-1252. Line ends become `\\n`.

    Raises FileRejected `undecodable_text` for bytes that are no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return _line_ends(data.decode(encoding))
            except UnicodeDecodeError as error:
                raise _undecodable(f"its mark says {encoding}, its bytes do not fit") from error
    if b"\x00" in data:
        utf16 = _utf16_without_mark(data)
        if utf16 is None:
            raise _undecodable("it holds zero bytes")
        try:
            return _line_ends(data.decode(utf16))
        except UnicodeDecodeError as error:
            raise _undecodable("it holds zero bytes") from error
    try:
        return _line_ends(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    candidates = []
    for encoding in ("gb18030", "big5", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        candidates.append((_plausibility(text, encoding), text))
    if not candidates:
        raise _undecodable("it is no UTF-8, UTF-16, GB 18030, Big5 or Windows-1252")
    return _line_ends(max(candidates, key=lambda pair: pair[0])[1])


def _utf16_without_mark(data: bytes) -> str | None:
    """Latin text in UTF-16 has a zero in every other byte."""
    sample = data[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.2 * len(sample) / 2 and even < 0.1 * odd:
        return "utf-16-le"
    if even > 0.2 * len(sample) / 2 and odd < 0.1 * even:
        return "utf-16-be"
    return None


def _plausibility(text: str, encoding: str) -> float:
    """Share of characters that are common in the language the encoding is for."""
    beyond = [char for char in text if ord(char) > 127]
    if not beyond:
        return 1.0
    if encoding == "cp1252":
        good = sum(char.isalpha() or char in "–—‘’“”…•°§©®€£ \u00a0" for char in beyond)
        # Pairs of such letters are what Chinese bytes look like in this encoding.
        runs = len(re.findall(r"[^\x00-\x7f]{3,}", text))
        return good / len(beyond) - 3 * runs / len(beyond)
    common: float = sum(
        "\u4e00" <= char <= "\u9fff" or "\u3000" <= char <= "\u303f" for char in beyond
    )
    rare = sum("\u3400" <= char <= "\u4dbf" or "\ue000" <= char <= "\uf8ff" for char in beyond)
    if encoding == "big5":
        common += 0.2 * len(_BIG5_COMMON.findall(text))
    else:
        common += 0.2 * len(
            re.findall("[的一是不了在人有我他这个们中来上大为和国地到以说时]", text)
        )
    return (common - 2 * rare) / len(beyond)


def _line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def _undecodable(why: str) -> FileRejected:
    return FileRejected(
        "undecodable_text", f"The text file cannot be decoded ({why}): save it as UTF-8."
    )


def text_blocks(text: str) -> list[Block]:
    """Paragraphs of a plain text: what blank lines separate, their line breaks kept."""
    blocks = []
    for part in _PARAGRAPHS.split(text.lstrip("\ufeff")):
        lines = [line.rstrip() for line in part.split("\n")]
        markdown = "\n".join(lines).strip("\n").rstrip()
        if markdown.strip():
            blocks.append(Block(kind="paragraph", markdown=markdown))
    return blocks
