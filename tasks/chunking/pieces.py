"""Blocks into pieces: what a chunk is packed from, each with the price of a border before it.

A block that fits is one piece. Only a block that is longer than a chunk (less the headings
above it, which stay with it) is taken apart: a list into items, a table into rows, code into
lines, and text into sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tasks.chunking.enrich import REFERENCE, Enricher
from tasks.chunking.splitting import Cut, Measure, cut_text
from tasks.chunking.tables import cut_table, read_table
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

Ids = tuple[str, ...]

# A paragraph of no more characters, without a full stop, is a title of what stands below it.
_TITLE_LENGTH = 80
_SENTENCE_ENDS = tuple(".!?。！？；;,，")

_ITEM = re.compile(
    r"^[ \t]*(?:[-*+•·▪◦‣]|\d{1,3}[.)、]|[A-Za-z][.)]|[(（]?[一二三四五六七八九十\d]{1,3}[)）、])"
)
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


def pieces_of(document: ExtractedDocument, enricher: Enricher, limit: LengthLimit) -> list[Piece]:
    """The document's pieces in order."""
    pieces: list[Piece] = []
    path: list[tuple[int, str]] = []
    lead_size = 0
    previous: Block | None = None
    for block, shown in _blocks(document, enricher):
        level = _heading_level(block)
        if level:
            path = [(above, title) for above, title in path if above < level]
            path.append((level, heading_text(block.markdown)))
        room = max(limit.maximum - lead_size, limit.maximum // 2)
        titles = tuple(title for _, title in path if title)
        made = [
            piece
            for part in _parts(block, room, limit, enricher)
            if (piece := _piece(part, block, level, titles, shown, enricher, limit))
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


def _blocks(document: ExtractedDocument, enricher: Enricher) -> Iterator[tuple[Block, Ids]]:
    """The document's blocks, with the pictures that they describe.

    A document that is one picture has the description as its text, in paragraphs.
    """
    blocks = document.blocks
    if len(blocks) != 1 or not REFERENCE.fullmatch(blocks[0].markdown.strip()):
        for block in blocks:
            yield block, ()
        return
    reference = blocks[0].markdown.strip()
    for paragraph in enricher.text(reference).split("\n\n"):
        text = blocks[0].model_copy(update={"markdown": paragraph, "kind": "paragraph"})
        yield text, enricher.image_ids(reference)


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
    if line.endswith((":", "：")):
        return True
    is_title = len(line) <= _TITLE_LENGTH and not line.endswith(_SENTENCE_ENDS)
    return is_title and block.kind in ("table", "list", "code")


def _piece(
    part: _Part,
    block: Block,
    level: int,
    titles: tuple[str, ...],
    shown: Ids,
    enricher: Enricher,
    limit: LengthLimit,
) -> Piece | None:
    """`part` enriched; None where nothing is left of it but an undescribed picture."""
    text = enricher.text(part.raw, table_row=block.kind == "table").rstrip()
    text = text.lstrip("\n") if block.kind in ("code", "list") else text.lstrip()
    if _BULLET_ALONE.fullmatch(text.strip()) and not _BULLET_ALONE.fullmatch(part.raw.strip()):
        return None
    if not text.strip():
        return None
    size = limit.measure(text)
    header = enricher.text(part.header, table_row=True)
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
        image_ids=shown or enricher.image_ids(part.raw),
        is_code=block.kind == "code",
    )


def _parts(block: Block, room: int, limit: LengthLimit, enricher: Enricher) -> list[_Part]:
    raw = block.markdown.strip("\n").rstrip()
    in_table = block.kind == "table"

    def measure(text: str) -> int:
        return limit.measure(enricher.text(text, table_row=in_table))

    if in_table and (table := read_table(raw)):
        text = "\n\n".join(filter(None, (table.before, table.markdown, table.after)))
        if measure(text) <= room:
            return [_Part(text, "\n\n", BORDER_BLOCK)]
        parts = [_Part(p.raw, p.glue, p.border) for p in _text_parts(table.before, room, measure)]
        parts += [
            _Part(part.text, "\n", BORDER_ITEM, part.header, part.is_header)
            for part in cut_table(
                table, room if not parts else limit.maximum, limit.maximum, measure
            )
        ]
        return parts + _text_parts(table.after, limit.maximum, measure)
    if measure(raw) <= room:
        return [_Part(raw, "\n\n", BORDER_BLOCK)]
    if block.kind == "picture":
        return _text_parts(raw, room, measure)
    if block.kind == "code":
        return _line_parts(raw.split("\n"), room, measure)
    if block.kind == "list":
        return _line_parts(_items(raw), room, measure)
    return _text_parts(raw, room, measure)


def _items(raw: str) -> list[str]:
    """Lines of a list, each with the lines that continue it."""
    items: list[str] = []
    for line in raw.split("\n"):
        if items and not _ITEM.match(line):
            items[-1] += "\n" + line
        else:
            items.append(line)
    return items


def _line_parts(lines: list[str], room: int, measure: Measure) -> list[_Part]:
    parts: list[_Part] = []
    glue = ""
    for line in lines:
        glue += "\n"
        if not line.strip():
            continue
        if measure(line) <= room:
            parts.append(_Part(line, glue, BORDER_ITEM))
        else:
            broken = _text_parts(line, room, measure)
            parts.append(replace(broken[0], glue=glue, border=BORDER_ITEM))
            parts += broken[1:]
        glue = ""
    return parts


def _text_parts(raw: str, room: int, measure: Measure) -> list[_Part]:
    parts: list[_Part] = []
    end = 0
    for cut in _cuts(raw, room, measure):
        gap = raw[end : cut.start]
        parts.append(_Part(raw[cut.start : cut.end], gap, _BORDER_OF_LEVEL[cut.level]))
        end = cut.end
    return parts


def _cuts(raw: str, room: int, measure: Measure) -> list[Cut]:
    """The first piece keeps the spaces before it: in code and lists they mean something."""
    indent = len(raw) - len(raw.lstrip(" "))
    if not indent or measure(raw[:indent]) > room // 2:
        return cut_text(raw, room, measure)
    cuts = cut_text(raw, room - measure(raw[:indent]), measure)
    return [replace(cuts[0], start=0), *cuts[1:]] if cuts else []
