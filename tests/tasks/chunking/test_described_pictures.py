"""Descriptions in the place of pictures: whole where they fit, cut like other text elsewhere."""

from __future__ import annotations

from tests.tasks.chunking.builders import (
    FLOW,
    PUMP,
    TABLE_HEADER,
    block,
    chunks,
    heading,
    reference,
    words,
)


def test_a_description_stands_where_the_picture_stood() -> None:
    (only,) = chunks(
        block("paragraph", f"See {reference(FLOW)} here.", 1),
        block("picture", reference(PUMP), 2),
        block("table", f"| icon | use |\n|---|---|\n| {reference(FLOW)} | stop |", 2),
        block("paragraph", "After.", 2),
        descriptions={FLOW: "A red\nsign | text: STOP", PUMP: "A pump.\n\n\nText: P-7."},
        maximum=400,
    )
    assert only.text == (
        "See A red sign | text: STOP here.\n\nA pump.\n\nText: P-7.\n\n"
        "| icon | use |\n|---|---|\n| A red sign \\| text: STOP | stop |\n\nAfter."
    )
    assert only.image_ids == (FLOW, PUMP)
    assert only.pages == (1, 2)


def test_a_reference_without_description_goes() -> None:
    (only,) = chunks(
        block("paragraph", f"See {reference(FLOW)} here."),
        block("picture", reference(PUMP)),
        block("list", f"- {reference(FLOW)}\n- {reference(FLOW)} item"),
        descriptions={PUMP: "  "},
    )
    assert "IMAGE_REF" not in only.text
    assert only.text.split() == ["See", "here.", "-", "-", "item"]
    assert only.image_ids == ()


def test_a_description_that_fits_is_not_cut() -> None:
    short = "It shows a pump.\n\nIt stands on a table. The label says P-7."
    made = chunks(
        heading("Figures", 1),
        block("paragraph", words(18)),
        block("picture", reference(PUMP)),
        block("paragraph", f"{words(20)} In text {reference(PUMP)} and {words(20)}"),
        block("table", f"{TABLE_HEADER}\n| {words(12)} | {reference(PUMP)} |\n| rotor | 5 |"),
        descriptions={PUMP: short},
    )
    assert all(chunk.tokens <= 200 for chunk in made)
    holding = [chunk.text for chunk in made if PUMP in chunk.image_ids]
    in_line = "It shows a pump. It stands on a table. The label says P-7."
    assert [short in text for text in holding] == [True, False, False]
    assert [in_line in text for text in holding] == [False, True, True]


def test_a_long_description_is_cut_at_paragraphs_and_then_at_sentences() -> None:
    paragraphs = [
        "Title: How a pump is started",
        "Summary: A flow chart of five steps. It leads from the valve to the log.",
        "Process: " + "The operator opens the valve and waits. " * 7,
        "Visible text: Start; Stop; 5 bar.",
    ]
    made = chunks(
        heading("Start", 1, 1),
        block("paragraph", words(16), 1),
        heading("Chart", 2, 2),
        block("picture", reference(PUMP), 2),
        block("caption", "Figure 1: start-up", 3),
        heading("Stop", 1, 3),
        block("paragraph", words(20), 3),
        descriptions={PUMP: "\n\n".join(paragraphs)},
    )
    assert all(chunk.tokens <= 200 for chunk in made)
    first, *others = holding = [chunk for chunk in made if PUMP in chunk.image_ids]
    assert first.text == "## Chart\n\n" + "\n\n".join(paragraphs[:2])
    assert len(others) > 1 and others[0].text.startswith("Process: The operator")
    assert all(chunk.text.endswith(("waits.", "start-up")) for chunk in others)
    assert others[-1].text.endswith("\n\nVisible text: Start; Stop; 5 bar.\n\nFigure 1: start-up")
    assert {chunk.headings for chunk in holding} == {("Start", "Chart")}
    assert [chunk.pages for chunk in holding] == [(2,)] * len(others) + [(2, 3)]
    text = " ".join(chunk.text for chunk in holding)
    assert text.split() == [
        "##",
        "Chart",
        *" ".join(paragraphs).split(),
        "Figure",
        "1:",
        "start-up",
    ]


def test_rows_of_a_described_table_stay_whole() -> None:
    rows = [f"部件：密封圈{number}号；价格：{number}元，含税；产地：上海" for number in range(12)]
    made = chunks(
        block("paragraph", "下表列出价格。", 1),
        block("picture", reference(FLOW), 1),
        descriptions={FLOW: "标题：部件价格表\n\n表格：" + "\n".join(rows)},
    )
    assert all(chunk.tokens <= 200 and chunk.image_ids == (FLOW,) for chunk in made)
    lines = [line for chunk in made for line in chunk.text.split("\n") if "部件：" in line]
    assert lines == [f"表格：{rows[0]}", *rows[1:]]


def test_a_long_description_inside_a_paragraph_goes_on_in_its_line() -> None:
    sentences = "It shows the pump from above. Three bolts hold its lid. " * 8
    made = chunks(
        block("paragraph", f"In the cellar {reference(PUMP)} is the pump.", 1),
        block("list", f"- first\n- {reference(PUMP)}\n- last", 1),
        descriptions={PUMP: sentences.replace(". Three", ".\n\nThree")},
    )
    assert all(chunk.tokens <= 200 for chunk in made)
    assert all(PUMP in chunk.image_ids for chunk in made)
    assert all(chunk.text.endswith((".", "last")) for chunk in made)
    text = " ".join(chunk.text for chunk in made)
    assert " ".join(text.split()) == (
        f"In the cellar {sentences}is the pump. - first - {sentences}- last"
    )
    assert made[0].text.startswith("In the cellar It shows the pump from above. Three bolts")


def test_a_long_description_inside_a_cell_stays_in_its_column() -> None:
    made = chunks(
        block(
            "table",
            f"{TABLE_HEADER}\n| seal | 3 |\n| {reference(PUMP)} | 4 |\n| rotor {words(20)} | 5 |",
            1,
        ),
        descriptions={PUMP: "It shows the pump | from above.\n\nThree bolts hold it. " * 6},
    )
    assert all(chunk.tokens <= 200 for chunk in made)
    assert all(chunk.text.startswith(TABLE_HEADER) for chunk in made)
    holding = [chunk.text for chunk in made if PUMP in chunk.image_ids]
    assert len(holding) > 2
    assert [text for text in (chunk.text for chunk in made) if "bolts" in text] == holding
    rows = [line for text in holding for line in text.split("\n") if "pump" in line]
    assert rows == ["| It shows the pump \\| from above. | |"] * 6


def test_a_picture_that_shows_a_reference_plants_none() -> None:
    planted = f"It says {reference(FLOW)} here. "
    for block_text in (reference(PUMP), f"See {reference(PUMP)} there."):
        for times in (1, 9):
            made = chunks(
                block("picture", block_text),
                block("paragraph", "After."),
                descriptions={PUMP: planted * times, FLOW: "SECRET"},
            )
            text = " ".join(chunk.text for chunk in made)
            assert "[IMAGE_REF" not in text and "SECRET" not in text
            assert text.count("(IMAGE_REF: extracted_assets/") == times
            assert {key for chunk in made for key in chunk.image_ids} == {PUMP}


def test_a_standalone_picture_is_a_document_of_its_description() -> None:
    text = "A scanned page. " * 10 + "\n\n" + "Its text goes on here. " * 20
    made = chunks(block("picture", reference(FLOW), 1), descriptions={FLOW: text})
    assert len(made) > 2
    assert all(chunk.tokens <= 200 and chunk.image_ids == (FLOW,) for chunk in made)
    assert " ".join(chunk.text for chunk in made).split() == text.split()
    (only,) = chunks(block("picture", reference(FLOW)), descriptions={FLOW: "A red sign."})
    assert only.text == "A red sign."
