"""Cells to lines and lines to text."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from tasks.extraction.line_tests import CAPTION, LEADER, LIST_MARKER
from tasks.extraction.page_fonts import PageFonts
from tasks.extraction.page_lines import (
    Line,
    clean,
    close_up_cjk,
    code_text,
    join_lines,
    visual_lines,
)
from tasks.extraction.text_split import split_text


@dataclass
class Cell:
    """What a text cell of docling looks like to us."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    index: int = 0
    font_name: str = ""
    rect: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        box = SimpleNamespace(l=self.left, t=self.top, r=self.right, b=self.bottom)
        self.rect = SimpleNamespace(to_bounding_box=lambda: box)


def line(text: str, left: float, top: float, right: float, font: str = "") -> Line:
    cell = Cell(text, left, top, right, top + 10, font_name=font)
    return Line([cell], left, top, right, top + 10)


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["The first line", "and the second."], "The first line and the second."),
        (["这是第一行", "这是第二行。"], "这是第一行这是第二行。"),
        (["使用 Debian", "系统的人"], "使用 Debian系统的人"),
        (["the manufac-", "turer says"], "the manufacturer says"),
        (["soft\u00ad", "ware"], "software"),
        (["the years 1990-", "1995"], "the years 1990-1995"),
        (["a well-", "known fault"], "a well-known fault"),
        (["코로나 감염", "증 현황"], "코로나 감염 증 현황"),
        ([], ""),
    ],
)
def test_lines_are_joined_as_their_script_wants(lines: list[str], joined: str) -> None:
    assert join_lines(lines, {"well-known", "manufacturer"}) == joined


def test_cells_of_one_line_are_joined_by_their_gap() -> None:
    cells = [
        Cell("Selectric", 10, 100, 60, 110, 0),
        Cell("Type", 60.3, 100, 80, 110, 1),
        Cell("writer", 86, 100, 110, 110, 2),
        Cell("3", 110.2, 98, 113, 104, 3),
        Cell("below", 10, 114, 40, 124, 4),
    ]
    assert [found.text for found in visual_lines(cells)] == ["SelectricType writer 3", "below"]


def test_columns_that_overlap_are_not_one_line() -> None:
    lines = visual_lines([Cell("ab", 10, 100, 60, 110, 0), Cell("cd", 30, 103, 80, 113, 1)])
    assert [found.text for found in lines] == ["ab", "cd"]


def test_code_keeps_lines_indentation_and_blank_lines() -> None:
    lines = [
        line("def f(x):", 50, 100, 104),
        line("return x", 74, 112, 122),
        line("f(1)", 50, 136, 74),
    ]
    assert code_text(lines) == "def f(x):\n    return x\n\nf(1)"


def test_spaces_go_between_chinese_characters_only() -> None:
    assert close_up_cjk("数据 处理 。 and the GPU 芯片") == "数据处理。 and the GPU 芯片"
    assert clean("ef\ufb01cient\x00\x02") == "efficient-"


@pytest.mark.parametrize(
    "text",
    [
        "• item",
        "- item",
        "1. item",
        "(2) item",
        "a) item",
        "① 项目",
        "（一）项目",
        "1、项目",
        "∞ item",
        "6.开启",
    ],
)
def test_list_markers(text: str) -> None:
    assert LIST_MARKER.match(text)


@pytest.mark.parametrize("text", ["1.5 times", "-3 degrees", "Item", "1990 was", "e.g. this"])
def test_no_list_markers(text: str) -> None:
    assert not LIST_MARKER.match(text)


def test_captions_and_leaders() -> None:
    assert CAPTION.match("Figure 3: A pump") and CAPTION.match("表 1.2 价格")
    assert CAPTION.match("图 2：水泵") and CAPTION.match("Table IV. Limits")
    assert not CAPTION.match("Table 1 lists the values that") and not CAPTION.match("表1列出")
    assert not CAPTION.match("Tables are useful") and not CAPTION.match("图书馆")
    assert LEADER.search("1.2 Valves . . . . . . . . 17") and not LEADER.search("and so on...")


def is_code(*lines: Line) -> list[bool]:
    fonts = PageFonts(cell for found in lines for cell in found.cells)
    return [fonts.is_code(found) for found in lines]


def test_chinese_prose_is_no_code_whatever_its_first_font() -> None:
    assert is_code(line("ls -l /etc", 50, 100, 110, "/ABC+LiberationMono")) == [True]
    assert is_code(
        line("ls(1) 用于显示文件和目录的权限信息", 50, 100, 250, "/A+DejaVuSansMono")
    ) == [False]
    assert is_code(line("plain text", 50, 100, 110, "/ABC+Helvetica")) == [False]


def test_typewriter_type_without_a_name_is_told_by_its_measure() -> None:
    texts = ["for i in range(10):", "    print(i, i * i)", "total = illumination"]
    assert (
        is_code(*[line(t.strip(), 50, 100, 50 + 5.16 * len(t.strip()), "/F4") for t in texts])
        == [True] * 3
    )
    widths = [88.0, 70.1, 79.9]
    assert (
        is_code(
            *[line(t.strip(), 50, 100, 50 + w, "/F1") for t, w in zip(texts, widths, strict=True)]
        )
        == [False] * 3
    )


def test_a_box_of_several_paragraphs_and_items_is_split() -> None:
    groups = split_text(
        [
            line("Three things matter before you start this", 50, 100, 250),
            line("machine:", 50, 112, 90),
            line("• the oil level, which must reach the upper", 60, 124, 250),
            line("mark of the glass", 68, 136, 150),
            line("• the noise.", 60, 148, 120),
            line("Close the valve first. Then wait until the", 50, 175, 250),
            line("gauge shows zero.", 50, 187, 140),
        ]
    )
    texts = [(label.value, " ".join(part.text for part in lines)) for label, lines in groups]
    assert [kind for kind, _ in texts] == ["text", "list_item", "list_item", "text"]
    assert texts[1][1].endswith("mark of the glass")


def test_a_number_that_begins_a_line_of_prose_is_no_item() -> None:
    groups = split_text(
        [
            line("The treaty was signed in the city on May", 50, 100, 250),
            line("12. It ended the war between the two states", 50, 112, 250),
            line("for good.", 50, 124, 90),
        ]
    )
    assert len(groups) == 1


def test_contents_are_an_item_a_line() -> None:
    groups = split_text(
        [line(f"1.{n} Chapter . . . . . . . . {n}", 50, 100 + 12 * n, 250) for n in range(4)]
    )
    assert len(groups) == 4
