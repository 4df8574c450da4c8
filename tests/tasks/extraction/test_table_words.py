"""Lines, columns and running text, from word boxes alone."""

from __future__ import annotations

import random

import pytest

from tasks.extraction.table_detect import is_word_table
from tasks.extraction.table_geometry import column_bounds
from tasks.extraction.table_grid import cell_text
from tasks.extraction.table_words import Word, is_running_text, text_lines

HEIGHT = 10.0


def prose(left: float, right: float, lines: int, seed: int = 0, top: float = 100.0) -> list[Word]:
    """Ragged lines of words between two margins, every fourth one short."""
    rng = random.Random(seed)
    words = []
    for number in range(lines):
        end = right if number % 4 != 3 else left + 0.5 * (right - left)
        x, y = left, top + 14 * number
        while x + 12 < end:
            width = min(rng.uniform(12, 45), end - x)
            words.append(Word("word", x, y, x + width, y + HEIGHT))
            x += width + 3
    return words


def table(columns: list[float], rows: int, width: float = 40.0, top: float = 100.0) -> list[Word]:
    return [
        Word(f"{row}.{col}", left, top + 20 * row, left + width, top + 20 * row + HEIGHT)
        for row in range(rows)
        for col, left in enumerate(columns)
    ]


def chinese_prose(left: float, right: float, lines: int) -> list[Word]:
    """A line of Chinese comes as one word."""
    return [
        Word("文" * 20, left, 100 + 16 * n, right if n % 5 != 4 else right - 60, 110 + 16 * n)
        for n in range(lines)
    ]


BOX = (60.0, 90.0, 540.0, 700.0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (prose(70, 530, 12), True),
        (prose(70, 290, 20) + prose(310, 530, 20, seed=1), True),
        (prose(70, 205, 18) + prose(225, 365, 18, seed=1) + prose(385, 530, 18, seed=2), True),
        (chinese_prose(70, 530, 8), True),
        (chinese_prose(70, 290, 12) + chinese_prose(310, 530, 12), True),
        (table([70], 8), True),
        (prose(70, 530, 1), True),
        (table([70, 200, 330], 6), False),
        (table([70, 300], 8), False),
        (table([70, 170, 270, 370, 470], 2), False),
        (table([70], 6) + prose(250, 530, 6), False),
        ([], False),
    ],
)
def test_running_text_is_told_from_a_table(words: list[Word], expected: bool) -> None:
    assert is_running_text(words, BOX) is expected


def test_words_outside_the_box_do_not_matter() -> None:
    outside = prose(70, 530, 10, top=720.0)
    assert not is_running_text(table([70, 200, 330], 6) + outside, BOX)
    assert not is_running_text(outside, BOX)


def test_rows_of_words_are_a_table_and_paragraphs_are_none() -> None:
    assert is_word_table(table([70, 200, 330], 5), BOX)
    assert not is_word_table(table([70, 200, 330], 2), BOX)
    assert not is_word_table(prose(70, 290, 20) + prose(310, 530, 20, seed=1), BOX)


def test_a_line_is_read_from_left_to_right_and_superscripts_stay_in_it() -> None:
    words = [
        Word("b", 50, 100, 60, 110),
        Word("a", 10, 101, 20, 111),
        Word("2", 60, 97, 64, 104),
        Word("next", 10, 114, 30, 124),
    ]
    assert [[word.text for word in line] for line in text_lines(words)] == [
        ["a", "b", "2"],
        ["next"],
    ]


def test_a_total_that_stands_alone_makes_no_column() -> None:
    words = [*table([70, 300], 6), Word("Total", 190, 220, 215, 230), Word("9", 300, 220, 340, 230)]
    (border,) = column_bounds(words)
    assert 190 < border < 215


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["工作电压", "二百二十伏"], "工作电压二百二十伏"),
        (["rated", "power"], "rated power"),
        (["复印纸", "A4"], "复印纸 A4"),
        (["第一，", "第二"], "第一，第二"),
        (["  spaced   out ", ""], "spaced out"),
    ],
)
def test_chinese_lines_run_on_and_others_are_parted(lines: list[str], expected: str) -> None:
    words = [Word(text, 10, 100 + 12 * n, 60, 110 + 12 * n) for n, text in enumerate(lines)]
    assert cell_text(words) == expected
