"""The chunks of one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

from tasks.chunking.enrich import Enricher
from tasks.chunking.packing import joined, pack
from tasks.chunking.pieces import Piece, pieces_of
from tasks.records import ExtractedDocument, TextChunk
from tasks.text import language_of
from tasks.tokenizer import LengthLimit


def chunk_document(
    document: ExtractedDocument, descriptions: Mapping[str, str], limit: LengthLimit
) -> list[TextChunk]:
    """Chunks of `document` in reading order; joined, they give back its words.

    `descriptions` are texts by image id. A description stands where its picture's reference
    stood; the reference of a picture without one is removed. A description that is too long for
    a chunk is cut like any other text, and each chunk that holds a part of it names its picture.
    A chunk is never longer than `limit`, unless a single character (with the accents and joiners
    that belong to it) is.

    The only text that is in two chunks is the header of a table that was cut.
    """
    pieces = pieces_of(document, Enricher(descriptions), limit)
    return [_chunk(group, limit) for group in pack(pieces, limit)] if pieces else []


def _chunk(pieces: Sequence[Piece], limit: LengthLimit) -> TextChunk:
    text = joined(pieces)
    return TextChunk(
        text=text,
        pages=tuple(sorted({page for piece in pieces for page in piece.pages})),
        headings=_headings(pieces),
        image_ids=tuple(dict.fromkeys(key for piece in pieces for key in piece.image_ids)),
        language=language_of(text),
        tokens=limit.measure(text),
    )


def _headings(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """The headings that hold for the whole chunk: what its sections' paths have in common.

    A chunk of one section has that section's path. Sections that share a chunk have their
    headings in its text; naming one of them here would be wrong for the others.
    """
    paths = [piece.headings for piece in pieces if not piece.is_heading]
    if not paths:
        paths = [piece.headings for piece in pieces]
    levels = zip(*paths, strict=False)
    common = takewhile(lambda titles: len(set(titles)) == 1, levels)
    return tuple(titles[0] for titles in common)
