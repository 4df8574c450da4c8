"""Blocks into pieces: what a chunk is packed from, each with the price of a border before it.

A block that fits is one piece. Only a block that is longer than a chunk (less the headings
above it, which stay with it) is taken apart: a list into items, a table into rows, code into
lines, a description into paragraphs, and text into sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tasks.chunking.enrich import REFERENCE, Enricher, place_of
from tasks.chunking.passages import Fragment, Ids, Passage
from tasks.chunking.tables import Table, cut_table, read_table
from tasks.records import Block, ExtractedDocument
from tasks.tokenizer import LengthLimit

# Prices of ending a chunk before a piece, against 1 for a chunk more (packing.py).
BORDER_SECTION = 0.0
BORDER_BLOCK = 0.3
BORDER_BOUND = 0.9  # a caption and its table, a line that ends in a colon and what it announces
BORDER_ITEM = 0.6
BORDER_SENTENCE = 0.8
BORDER_CLAUSE = 1.2
BORDER_WORD = 1.5
_BORDER_OF_LEVEL = {
    "sentence": BORDER_SENTENCE,
    "clause": BORDER_CLAUSE,
    "word": BORDER_WORD,
}

# A paragraph of no more characters, without a full stop, is a title of what stands below it.
_TITLE_LENGTH = 80
_SENTENCE_ENDS = tuple(".!?。！？；;,，")
_ANNOUNCING = (":", "：")

_ITEM = re.compile(
    r"^[ \t]*(?:[-*+•·▪◦‣]|\d{1,3}[.)、]|[A-Za-z][.)]|[(（]?[一二三四五六七八九十\d]{1,3}[)）、])"
)
# A row of a table as describers write it (`Part: seal; price: 5 EUR`), or another line of a kind.
_NAMED = re.compile(r"[^:：]{1,60}[:：]")
_HEADING_MARKS = re.compile(r"^\s*#{1,6}\s*|\s*#+\s*$")
_LINK = re.compile(r"!?\[([^\]]{0,300})\]\([^)]{0,500}\)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`)(?=\S)(.{1,300}?)(?<=\S)\1")
_BULLET_ALONE = re.compile(r"[-*+•·▪◦‣]?")


@dataclass(frozen=True)
class Piece:
    """Text that is never cut any more. Sizes are in the limit's unit."""

    text: str
    size: int
    glue: str
    border: float
    level: int
    lead: bool
    header: str
    headings: tuple[str, ...]
    pages: tuple[int, ...]
    image_ids: tuple[str, ...]
    is_code: bool

    @property
    def is_heading(self) -> bool:
        return self.level > 0


@dataclass(frozen=True)
class _Part:
    """A piece before enrichment."""

    raw: str
    glue: str
    border: float
    header: str = ""
    lead: bool = False
    image_ids: Ids = ()


def pieces_of(document: ExtractedDocument, enricher: Enricher, limit: LengthLimit) -> list[Piece]:
    """The document's pieces in order."""
    pieces: list[Piece] = []
    path: list[tuple[int, str]] = []
    lead_size = 0
    previous: Block | None = None
    for block in document.blocks:
        level = _heading_level(block)
        if level:
            path = [(above, title) for above, title in path if above < level]
            path.append((level, heading_text(block.markdown)))
        room = max(limit.maximum - lead_size, limit.maximum // 2)
        titles = tuple(title for _, title in path if title)
        passage = Passage(enricher, limit, place_of(block.markdown, in_table=block.kind == "table"))
        made = [
            piece
            for part in _parts(block, room, limit, passage)
            if (piece := _piece(part, block, level, titles, passage, limit))
        ]
        if not made:
            continue
        made[0] = replace(made[0], glue="\n\n", border=_border(previous, block, level))
        pieces += made
        lead_size = lead_size + sum(p.size for p in made) + 2 * len(made) if level else 0
        previous = block
    return pieces


def heading_text(markdown: str) -> str:
    """A heading's words without markdown."""
    text = REFERENCE.sub("", _HEADING_MARKS.sub("", markdown))
    return " ".join(_EMPHASIS.sub(r"\2", _LINK.sub(r"\1", text)).split())


def _heading_level(block: Block) -> int:
    """1 to 6 for a heading with text; 0 for everything else."""
    if block.kind != "heading" or not heading_text(block.markdown):
        return 0
    marks = re.match(r"\s*(#{1,6})", block.markdown)
    return block.level or (len(marks[1]) if marks else 1)


def _border(previous: Block | None, block: Block, level: int) -> float:
    if level:
        return BORDER_SECTION
    if previous is None or previous.kind == "heading":
        return BORDER_BLOCK
    figures = ("table", "picture")
    captioned = (previous.kind == "caption" and block.kind in figures) or (
        block.kind == "caption" and previous.kind in figures
    )
    return BORDER_BOUND if captioned or _announces(previous, block) else BORDER_BLOCK


def _announces(previous: Block, block: Block) -> bool:
    """Whether a line introduces the block below it: `The parts are:`, `Prices of spare parts`."""
    if previous.kind != "paragraph":
        return False
    line = previous.markdown.rstrip()
    if line.endswith(_ANNOUNCING):
        return True
    is_title = len(line) <= _TITLE_LENGTH and not line.endswith(_SENTENCE_ENDS)
    return is_title and block.kind in ("table", "list", "code")


def _piece(
    part: _Part,
    block: Block,
    level: int,
    titles: tuple[str, ...],
    passage: Passage,
    limit: LengthLimit,
) -> Piece | None:
    """`part` enriched; None where nothing is left of it but an undescribed picture."""
    text = passage.enriched(part.raw).rstrip()
    text = text.lstrip("\n") if block.kind in ("code", "list") else text.lstrip()
    if _BULLET_ALONE.fullmatch(text.strip()) and not _BULLET_ALONE.fullmatch(part.raw.strip()):
        return None
    if not text.strip():
        return None
    size = limit.measure(text)
    header = passage.enriched(part.header)
    return Piece(
        text=text,
        size=size,
        glue=part.glue,
        border=part.border,
        level=level,
        lead=part.lead or level > 0,
        header=header if header and limit.fits(f"{header}\n{text}") else "",
        headings=titles,
        pages=block.pages,
        image_ids=passage.image_ids(part.raw) + part.image_ids,
        is_code=block.kind == "code",
    )


def _parts(block: Block, room: int, limit: LengthLimit, passage: Passage) -> list[_Part]:
    raw = block.markdown.strip("\n").rstrip()
    if block.kind == "table" and (table := read_table(raw)):
        return _table_parts(table, room, limit, passage)
    if passage.measure(raw) <= room:
        return [_Part(raw, "\n\n", BORDER_BLOCK)]
    if passage.place == "paragraphs":
        return _description_parts(raw, room, passage)
    if block.kind == "code":
        return _line_parts(raw.split("\n"), room, passage)
    if block.kind == "list":
        return _line_parts(_items(raw), room, passage)
    return _text_parts(raw, room, passage)


def _table_parts(table: Table, room: int, limit: LengthLimit, passage: Passage) -> list[_Part]:
    text = "\n\n".join(filter(None, (table.before, table.markdown, table.after)))
    if passage.measure(text) <= room:
        return [_Part(text, "\n\n", BORDER_BLOCK)]
    parts = _text_parts(table.before, room, passage)
    bound = room if not parts else limit.maximum
    parts += [
        _Part(part.text, "\n", BORDER_ITEM, part.header, part.is_header, part.image_ids)
        for part in cut_table(table, bound, limit.maximum, passage)
    ]
    return parts + _text_parts(table.after, limit.maximum, passage)


def _description_parts(reference: str, room: int, passage: Passage) -> list[_Part]:
    """The paragraphs of a description that is too long for a chunk, and parts of long ones."""
    parts: list[_Part] = []
    border = BORDER_BLOCK
    for paragraph in passage.enriched(reference).split("\n\n"):
        lines = paragraph.split("\n")
        if passage.measure(paragraph) <= room:
            made = [_Part(paragraph, "\n\n", border)]
        elif all(_ITEM.match(line) or _NAMED.match(line) for line in lines):
            made = _line_parts(lines, room, passage)
        else:
            made = _text_parts(paragraph, room, passage)
        parts += [replace(made[0], glue="\n\n", border=border), *made[1:]]
        border = BORDER_BOUND if paragraph.endswith(_ANNOUNCING) else BORDER_BLOCK
    shown = passage.image_ids(reference)
    return [replace(part, image_ids=shown) for part in parts]


def _items(raw: str) -> list[str]:
    """Lines of a list, each with the lines that continue it."""
    items: list[str] = []
    for line in raw.split("\n"):
        if items and not _ITEM.match(line):
            items[-1] += "\n" + line
        else:
            items.append(line)
    return items


def _line_parts(lines: list[str], room: int, passage: Passage) -> list[_Part]:
    parts: list[_Part] = []
    glue = ""
    for line in lines:
        glue += "\n"
        if not line.strip():
            continue
        if passage.measure(line) <= room:
            parts.append(_Part(line, glue, BORDER_ITEM))
        else:
            broken = _text_parts(line, room, passage)
            parts.append(replace(broken[0], glue=glue, border=BORDER_ITEM))
            parts += broken[1:]
        glue = ""
    return parts


def _text_parts(raw: str, room: int, passage: Passage) -> list[_Part]:
    return [
        _Part(part.raw, part.gap, _BORDER_OF_LEVEL[part.level], image_ids=part.image_ids)
        for part in _fragments(raw, room, passage)
    ]


def _fragments(raw: str, room: int, passage: Passage) -> list[Fragment]:
    """The first piece keeps the spaces before it: in code and lists they mean something."""
    indent = raw[: len(raw) - len(raw.lstrip(" "))]
    if not indent or passage.measure(indent) > room // 2:
        return passage.cut(raw, room)
    cut = passage.cut(raw, room - passage.measure(indent))
    return [replace(cut[0], raw=indent + cut[0].raw, gap=""), *cut[1:]] if cut else []
