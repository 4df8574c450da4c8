"""Blocks of documents to cut, and their chunks bounded by characters."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.chunking import chunk_document
from tasks.records import Block, BlockKind, ExtractedDocument, Profile, TextChunk
from tasks.text import weighted_length
from tasks.tokenizer import LengthLimit

TABLE_HEADER = "| Part | Price |\n|---|---|"
FLOW = "0123456789abcdef"
PUMP = "fedcba9876543210"


def reference(image_id: str) -> str:
    return f"[IMAGE_REF: extracted_assets/{image_id}.jpg]"


def limit(maximum: int) -> LengthLimit:
    return LengthLimit(maximum, "characters", f"characters:{maximum}", weighted_length)


def block(kind: BlockKind, markdown: str, *pages: int, level: int = 0) -> Block:
    return Block(kind=kind, markdown=markdown, pages=pages, level=level)


def heading(text: str, level: int, *pages: int) -> Block:
    return block("heading", "#" * level + " " + text, *pages, level=level)


def document(*blocks: Block) -> ExtractedDocument:
    return ExtractedDocument(doc_id="d", blocks=blocks, profile=Profile(name="direct"))


def chunks(
    *blocks: Block, maximum: int = 200, descriptions: Mapping[str, str] | None = None
) -> list[TextChunk]:
    return chunk_document(document(*blocks), descriptions or {}, limit(maximum))


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{number}" for number in range(count)) + "."
