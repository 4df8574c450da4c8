"""Lines of text in a picture come in the order in which a person reads them."""

from __future__ import annotations

import random

from tasks.description.reading_order import Line, join_lines, text_blocks


def line(text: str, left: float, top: float, width: float = 100, height: float = 20) -> Line:
    return Line(text, left, top, left + width, top + height)


def test_lines_of_a_label_are_one_block() -> None:
    stacked = [
        line("Multi-Head", 100, 100),
        line("Attention", 105, 122, 90),
        line("Softmax", 100, 180),
    ]
    assert text_blocks(stacked) == ["Multi-Head Attention", "Softmax"]


def test_two_columns_of_text_are_read_one_after_the_other() -> None:
    rows = [(f"left {n} and more words", f"right {n} and more words") for n in range(4)]
    lines = [line("A title over both columns", 150, 0, 400, 30)]
    for n, (left, right) in enumerate(rows):
        lines += [line(left, 0, 60 + 26 * n, 320), line(right, 380, 60 + 26 * n, 320)]
    title, *columns = text_blocks(lines)
    assert title == "A title over both columns"
    assert columns == [" ".join(left for left, _ in rows), " ".join(right for _, right in rows)]


def test_a_table_is_read_row_by_row() -> None:
    cells = [["Item", "Amount", "Price"], ["Work", "28", "120.00"], ["Disposal", "1", "307.35"]]
    lines = [
        line(cell, 200 * column, 40 * row, 12 * len(cell))
        for row, row_cells in enumerate(cells)
        for column, cell in enumerate(row_cells)
    ]
    assert text_blocks(lines) == [cell for row in cells for cell in row]


def test_numbers_below_each_other_are_no_label() -> None:
    assert text_blocks([line("10", 0, 0, 20), line("20", 0, 21, 20)]) == ["10", "20"]


def test_two_stacks_of_boxes_are_read_stack_by_stack() -> None:
    left = [line(name, 0, top) for name, top in (("a", 100), ("b", 205), ("c", 300))]
    right = [line(name, 300, top) for name, top in (("p", 20), ("q", 150), ("r", 250), ("s", 350))]
    assert text_blocks(left + right) == list("abcpqrs")


def test_a_side_step_follows_the_step_that_it_stands_beside() -> None:
    steps = [line(name, 0, 100 * n) for n, name in enumerate(["start", "test", "act", "end"])]
    assert text_blocks([*steps, line("repair", 300, 100)]) == [
        "start",
        "test",
        "repair",
        "act",
        "end",
    ]


def test_no_line_is_lost_and_the_order_of_the_input_does_not_matter() -> None:
    generator = random.Random(3)
    lines = [
        line(
            f"w{n}",
            generator.uniform(0, 900),
            generator.uniform(0, 900),
            generator.uniform(20, 300),
        )
        for n in range(80)
    ]
    expected = text_blocks(lines)
    assert sorted(" ".join(expected).split()) == sorted(line.text for line in lines)
    generator.shuffle(lines)
    assert text_blocks(lines) == expected


def test_no_lines() -> None:
    assert text_blocks([]) == []


def test_chinese_lines_join_without_a_space() -> None:
    assert join_lines(["水库周围", "禁止放牧", "，见 Annex B", "for details"]) == (
        "水库周围禁止放牧，见 Annex B for details"
    )
