"""What a pair looks like: lines that fit, nothing lost, evidence where it stands."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tasks.records import Evidence, TrainingRow
from tasks.reviewing.screen import PairScreen
from tasks.reviewing.session import ShownPair
from tasks.reviewing.wrapping import wrapped
from tasks.storage import Location
from tests.tasks.dataset_rows import training_row

TEXT = (
    "The Prefect 是一个工作流编排工具，它可以在 Python 里运行（例如 docker-compose）。"
    " Averyveryverylongwordthatdoesnotfitanywhere stands here.\n\n\t第二段：“水泵”重 5 kg。\n"
)


def shown(row: TrainingRow) -> ShownPair:
    return ShownPair(
        id=f"{row.id}-0", row=row, position=0, pair=row.qa_pairs[0], before=None, place=3, of=1234
    )


def screen(
    width: int, height: int = 40, *, terminal: bool = False
) -> tuple[PairScreen, io.StringIO]:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        height=height,
        force_terminal=terminal,
        no_color=True,
        color_system="standard" if terminal else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    return PairScreen(console, Location("/out")), stream


@pytest.mark.parametrize("width", [2, 3, 9, 20, 33, 80])
def test_lines_fit_and_hold_everything(width: int) -> None:
    lines = [line.plain for line in wrapped(Text(TEXT), width)]
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(TEXT.split())


def test_lines_break_between_han_characters_and_not_before_punctuation() -> None:
    lines = [line.plain for line in wrapped(Text(TEXT), 20)]
    assert lines[:3] == ["The Prefect 是一个工", "作流编排工具，它可以", "在 Python 里运行（例"]
    for width in range(8, 40):
        for line in wrapped(Text("水泵（甲）、水泵（乙）。" * 5), width):
            assert line.plain[0] not in "，。、）"
            assert line.plain[-1] != "（"


@pytest.mark.parametrize("width", [16, 40, 100])
def test_every_line_of_a_pair_fits(width: int) -> None:
    row = training_row(
        "区/水泵.pdf", TEXT, [("水泵多重？What does the pump weigh in kilograms?", "5 kg")]
    )
    view, stream = screen(width)
    view.show(shown(row))
    view.keys()
    view.help()
    for line in stream.getvalue().splitlines():
        assert cell_len(line) <= width, line
    assert "[[5" in stream.getvalue()


def test_evidence_is_marked_where_it_stands_behind_replaced_characters() -> None:
    text = "\x1b[31m\x00\t危险\u202e Pressure is 12 bar."
    row = training_row("a.txt", text, [("What is the pressure?", "12 bar")])
    view, stream = screen(80)
    view.show(shown(row))
    assert "Pressure is [[12 bar]]." in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("evidence", [None, Evidence(start=5, end=900)])
def test_a_pair_without_usable_evidence(evidence: Evidence | None) -> None:
    row = training_row("a.txt", "The pump stops.", [("Why?", "because")])
    pair = row.qa_pairs[0].model_copy(update={"evidence": evidence})
    view, stream = screen(80)
    view.show(shown(row).model_copy(update={"pair": pair}))
    assert "The pump stops." in stream.getvalue()
    assert "[[" not in stream.getvalue()


def test_more_goes_through_the_whole_chunk_and_begins_again() -> None:
    text = "".join(f"Sentence number {n:03d} stands here.\n" for n in range(100))
    row = training_row("a.txt", text, [("Which sentence?", "number 050")])
    view, stream = screen(60, 30, terminal=True)
    view.show(shown(row))
    assert "number 049" in stream.getvalue()
    assert "number 000" not in stream.getvalue()
    for _ in range(8):
        view.more()
    assert all(f"number {n:03d}" in stream.getvalue() for n in range(100))
    short = training_row("a.txt", "One line.", [("Which?", "One")])
    view.show(shown(short))
    view.more()
    assert "The whole chunk is shown." in stream.getvalue()


@pytest.mark.parametrize(("width", "height"), [(40, 24), (80, 24), (120, 40)])
def test_a_pair_fits_on_the_terminal(width: int, height: int) -> None:
    text = "第一段：水泵的额定压力为 12 bar，Prefect 记录了每一次运行。" * 60
    row = training_row("手册/水泵.pdf", text, [("额定压力是多少？", "12 bar")])
    row = row.model_copy(update={"headings": ("第三章", "3.2"), "image_ids": ("0" * 16,)})
    view, stream = screen(width, height, terminal=True)
    view.show(shown(row))
    view.keys()
    assert len(stream.getvalue().splitlines()) < height
