"""What a chunk holds and where it ends."""

from __future__ import annotations

import pytest

from tasks.records import BlockKind
from tasks.text import weighted_length
from tests.tasks.chunking.builders import (
    FLOW,
    TABLE_HEADER,
    block,
    chunks,
    heading,
    reference,
    words,
)


def test_a_short_document_is_one_chunk_that_knows_everything() -> None:
    (only,) = chunks(
        heading("**Pump** P-7", 1, 1),
        block("paragraph", "It moves water.", 1),
        heading("Limits", 2, 2),
        block("list", "- 5 bar\n- 40 °C", 2),
        block("paragraph", "Never dry.", 3, 2),
    )
    assert only.text == (
        "# **Pump** P-7\n\nIt moves water.\n\n## Limits\n\n- 5 bar\n- 40 °C\n\nNever dry."
    )
    assert only.pages == (1, 2, 3)
    assert only.headings == ("Pump P-7",)
    assert only.language == "en"
    assert only.tokens == weighted_length(only.text)
    assert only.image_ids == ()


def test_nothing_gives_no_chunk() -> None:
    assert chunks() == []
    assert chunks(block("paragraph", "  \n ")) == []
    assert chunks(block("picture", reference(FLOW))) == []


def test_chunks_end_at_the_borders_of_sections() -> None:
    made = chunks(
        heading("Title", 1, 1),
        heading("One", 2, 1),
        block("paragraph", words(14), 1),
        heading("Two", 2, 2),
        block("paragraph", words(15), 2),
        heading("Three", 2, 3),
        block("paragraph", words(12), 3),
        block("paragraph", words(12, "more"), 4),
    )
    assert [chunk.text.split("\n")[0] for chunk in made[:3]] == ["# Title", "## Two", "## Three"]
    assert [chunk.headings for chunk in made[:3]] == [
        ("Title", "One"),
        ("Title", "Two"),
        ("Title", "Three"),
    ]
    assert [chunk.pages for chunk in made[:2]] == [(1,), (2,)]


def test_a_deeper_path_ends_with_its_section() -> None:
    made = chunks(
        heading("A", 1),
        heading("A.1", 2),
        block("paragraph", words(20)),
        heading("B", 1),
        block("paragraph", words(20)),
    )
    assert [chunk.headings for chunk in made] == [("A", "A.1"), ("B",)]


def test_small_sections_share_a_chunk_and_name_only_what_they_share() -> None:
    made = chunks(
        heading("Parts", 1),
        *[
            part
            for name in ("Seal", "Rotor", "Valve")
            for part in (heading(name, 2), block("paragraph", f"The {name} is spare."))
        ],
    )
    assert len(made) == 1
    assert made[0].headings == ("Parts",)


def test_a_heading_stays_with_what_follows() -> None:
    made = chunks(
        block("paragraph", words(22)),
        heading("Start-up", 2),
        block("paragraph", "Sentence one is here. " * 12),
        maximum=220,
    )
    assert not any(chunk.text.endswith("## Start-up") for chunk in made)
    assert any(chunk.text.startswith("## Start-up\n\nSentence one") for chunk in made)
    assert all(chunk.tokens <= 220 for chunk in made)


def test_a_heading_stays_even_where_its_block_fills_a_chunk_alone() -> None:
    made = chunks(heading("Long heading of a full block", 2), block("paragraph", words(27)))
    assert weighted_length(words(27)) <= 200 < weighted_length(words(27)) + 30
    assert made[0].text.startswith("## Long heading of a full block\n\nword0")
    assert all(chunk.tokens <= 200 for chunk in made)


def test_tiny_ends_join_a_neighbour() -> None:
    made = chunks(
        heading("A", 1),
        block("paragraph", words(20)),
        heading("B", 1),
        block("paragraph", "Bye."),
    )
    assert len(made) == 1
    sizes = [
        chunk.tokens
        for chunk in chunks(block("paragraph", "One sentence of some length. " * 15), maximum=200)
    ]
    assert min(sizes) > 0.2 * 200


def test_long_text_is_cut_at_sentences_then_clauses_then_words() -> None:
    made = chunks(block("paragraph", "这是第一句话，很长很长。" * 12), maximum=100)
    assert all(chunk.text.endswith("。") for chunk in made)
    made = chunks(block("paragraph", "这里没有句号，" * 30), maximum=100)
    assert all(chunk.text.endswith("，") for chunk in made)
    made = chunks(block("paragraph", "没有任何标点" * 60), maximum=100)
    assert all(60 < chunk.tokens <= 100 for chunk in made[:-1])
    made = chunks(block("paragraph", words(200)), maximum=100)
    assert all(chunk.text.split()[0].startswith("word") for chunk in made)
    made = chunks(block("paragraph", "x" * 1000), maximum=100)
    assert "".join(chunk.text for chunk in made) == "x" * 1000
    assert all(chunk.tokens <= 100 for chunk in made)


def test_emoji_and_accents_are_not_torn() -> None:
    family = "👩‍👩‍👧‍👦"
    made = chunks(block("paragraph", family * 60), maximum=64)
    assert all(chunk.text.replace(family, "") == "" for chunk in made)
    accented = "e\u0301"
    made = chunks(block("paragraph", accented * 101), maximum=33)
    assert all(chunk.text.replace(accented, "") == "" for chunk in made)


def test_lists_and_code_are_cut_between_lines() -> None:
    made = chunks(block("list", "\n".join(f"- item {n}\n  goes on" for n in range(30))))
    assert all(chunk.text.startswith("- item") for chunk in made)
    assert all(chunk.text.endswith("goes on") for chunk in made)
    code = "```\n" + "\n".join(f"    call_{n}(x)\n" for n in range(30)) + "```"
    made = chunks(block("code", code))
    assert "\n".join(chunk.text for chunk in made).split() == code.split()
    assert "\n    call_1(x)\n\n    call_2(x)" in made[0].text


def test_a_table_that_is_cut_keeps_its_header() -> None:
    rows = [f"| part {number}     | {number * 3} EUR   |" for number in range(40)]
    source = "| Part        | Price     |\n|-------------|----------:|\n" + "\n".join(rows)
    made = chunks(heading("Prices", 1, 1), block("table", source, 1, 2))
    assert len(made) > 3
    assert made[0].text.startswith("# Prices\n\n" + TABLE_HEADER + "\n| part 0 | 0 EUR |\n")
    assert all(chunk.text.startswith(TABLE_HEADER + "\n| part") for chunk in made[1:])
    assert all(chunk.tokens <= 200 for chunk in made)
    assert all(chunk.pages == (1, 2) and chunk.headings == ("Prices",) for chunk in made)
    found = [line for chunk in made for line in chunk.text.split("\n") if "EUR" in line]
    assert found == [f"| part {number} | {number * 3} EUR |" for number in range(40)]


def test_rows_longer_than_a_chunk_stay_in_their_columns() -> None:
    long = "A sentence about the part. " * 12
    made = chunks(block("table", f"{TABLE_HEADER}\n| seal | {long} |\n| rotor | 5 |"))
    assert all(chunk.text.startswith(TABLE_HEADER) for chunk in made)
    assert made[0].text.split("\n")[2].startswith("| seal |")
    assert "\n| | A sentence" in made[1].text
    assert all(chunk.tokens <= 200 for chunk in made)


@pytest.mark.parametrize("columns", [1, 3, 200])
def test_a_header_longer_than_a_chunk_ends(columns: int) -> None:
    head = "| " + " | ".join(f"column{n} {'name ' * 90}" for n in range(columns)) + " |"
    source = head + "\n" + "|---" * columns + "|\n| 1 " + "| 2 " * (columns - 1) + "|"
    made = chunks(block("table", source))
    assert all(chunk.tokens <= 200 for chunk in made)
    text = " ".join(chunk.text for chunk in made)
    assert text.count("name") == 90 * columns
    assert [f"column{n}" in text.split() for n in range(columns)] == [True] * columns


def test_tables_of_odd_shape_lose_nothing() -> None:
    for source in ("| only | header |\n|---|---|", "| no | separator |", "no table at all", "|"):
        made = chunks(block("table", source))
        assert [word for c in made for word in c.text.split() if word.isalpha()] == [
            word for word in source.split() if word.isalpha()
        ]
    (only,) = chunks(block("table", "Table 1: prices\n| a \\| b | c |\n|---|---|\n| 1 | |\nafter"))
    assert only.text == "Table 1: prices\n\n| a \\| b | c |\n|---|---|\n| 1 | |\n\nafter"


def test_captions_and_announcements_stay_with_what_they_name() -> None:
    made = chunks(
        block("paragraph", words(10)),
        block("paragraph", "The parts are:"),
        block("list", "- seal\n- rotor\n- valve\n- " + words(8)),
        block("caption", "Table 2: prices of parts"),
        block("table", TABLE_HEADER + "".join(f"\n| part {n} | {n} EUR |" for n in range(6))),
    )
    assert any("are:\n\n- seal" in chunk.text for chunk in made)
    assert any(f"prices of parts\n\n{TABLE_HEADER}" in chunk.text for chunk in made)


def test_languages() -> None:
    made = chunks(
        block("paragraph", "水泵每天运行十二小时。" * 5),
        block("paragraph", "The pump runs for twelve hours every day. " * 4),
        maximum=180,
    )
    assert [chunk.language for chunk in made] == ["zh", "en"]


@pytest.mark.parametrize("row", [".", "。", "_", "[", "a-", "|", "\u0301", "一", "**a", "- \n"])
@pytest.mark.parametrize("kind", ["heading", "paragraph", "list", "table", "code"])
def test_long_rows_of_anything_are_survived(kind: BlockKind, row: str) -> None:
    made = chunks(block(kind, row * 800, level=int(kind == "heading")))
    assert all(chunk.tokens <= 200 for chunk in made)
    found = "".join("".join(chunk.text.split()) for chunk in made)
    if kind != "table":
        assert found == "".join((row * 800).split())
