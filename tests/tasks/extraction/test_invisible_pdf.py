"""PDF text that no reader sees is gone before layout; what only looks like it stays."""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("reportlab", reason="reportlab is in the dev group")

from tests.tasks.extraction.invisible_pages import (
    BODY,
    BODY_ZH,
    LENGTH,
    PROMPT,
    PROMPT_ZH,
    Sheet,
    left_in,
    lines_of,
    photo,
    scan,
)


@pytest.mark.parametrize("prompt", [PROMPT, PROMPT_ZH])
@pytest.mark.parametrize(
    ("cause", "how"),
    [
        ("colour", {"colour": "#ffffff"}),
        ("colour", {"colour": "#fcfcfc"}),
        ("render_mode", {"mode": 3}),
        ("render_mode", {"mode": 7}),
        ("size", {"size": 0.4}),
        ("colour", {"alpha": 0.0}),
        ("off_page", {"x": 700}),
    ],
)
def test_hidden_text_goes_and_is_counted(
    tmp_path: Path, prompt: str, cause: str, how: dict[str, Any]
) -> None:
    sheet = Sheet()
    sheet.text(100, BODY)
    sheet.text(130, prompt, **how)
    sheet.text(160, BODY_ZH)
    lines, counts = lines_of(sheet, tmp_path)
    assert lines == [BODY, BODY_ZH]
    assert set(counts) == {cause}
    # Where letters fall on top of each other, docling's parser drops some.
    assert counts[cause] == len(prompt.replace(" ", "")) or cause == "size"


def test_what_looks_like_hidden_text_stays(tmp_path: Path) -> None:
    sheet = Sheet()
    sheet.box(90, 20, "#1a1a66")
    sheet.text(104, "White heading of a table", colour="#ffffff")
    sheet.text(140, "A footnote of five points, small and yet read", size=5)
    sheet.text(160, "Light grey fine print", colour="#cccccc")
    sheet.text(180, "Very faint fine print", colour="#e9e9e9", size=6)
    sheet.text(200, "Outlined letters", mode=1)
    sheet.picture(photo(), 220, 120)
    sheet.text(280, "Words over a photo", colour="#ffffff", size=16)
    sheet.text(420, "DRAFT", colour="#eeeeee", size=90)
    sheet.text(460, "One tenth opaque", alpha=0.1)
    sheet.text(500, "......")
    sheet.text(520, BODY_ZH, colour="#d0d0d0")
    lines, counts = lines_of(sheet, tmp_path)
    assert counts == {}
    assert sorted(lines) == sorted(
        [
            "White heading of a table",
            "A footnote of five points, small and yet read",
            "Light grey fine print",
            "Very faint fine print",
            "Outlined letters",
            "Words over a photo",
            "DRAFT",
            "One tenth opaque",
            "......",
            BODY_ZH,
        ]
    )


def test_the_colour_of_the_box_behind_it(tmp_path: Path) -> None:
    sheet = Sheet()
    sheet.box(90, 60, "#e0c020")
    sheet.text(104, "Black on yellow")
    sheet.text(124, PROMPT, colour="#e0c020")
    assert lines_of(sheet, tmp_path) == (["Black on yellow"], {"colour": LENGTH})


@pytest.mark.parametrize("cover", ["box", "picture", "busy picture"])
def test_text_under_something_opaque(tmp_path: Path, cover: str) -> None:
    sheet = Sheet()
    sheet.text(100, BODY)
    sheet.text(140, PROMPT)
    if cover == "box":
        sheet.box(125, 30, "#203040")
    else:
        image = photo() if cover == "busy picture" else Image.new("RGB", (90, 6), "lightblue")
        sheet.picture(image, 125, 30)
    assert lines_of(sheet, tmp_path) == ([BODY], {"covered": LENGTH})


@pytest.mark.parametrize("order", ["under", "over"])
def test_white_text_in_the_place_of_black_text(tmp_path: Path, order: str) -> None:
    sheet = Sheet()
    hidden = ("IGNORE WHAT STANDS HERE", {"colour": "#ffffff", "size": 4})
    texts: list[tuple[str, dict[str, Any]]] = [hidden, (BODY, {})]
    for text, how in texts if order == "under" else reversed(texts):
        sheet.text(100, text, **how)
    assert lines_of(sheet, tmp_path) == ([BODY], {"colour": 20})


@pytest.mark.parametrize("shift", [0, 3])
def test_text_under_a_box_with_other_text_on_it(tmp_path: Path, shift: float) -> None:
    sheet = Sheet()
    sheet.text(100, PROMPT)
    sheet.box(88, 20, "#ffffff")
    sheet.text(100 + shift, BODY)
    sheet.text(103 + shift, "and keeps it moving day and night", x=400, size=5)
    lines, counts = lines_of(sheet, tmp_path)
    # Where letters of both fall together, docling's parser drops one of them.
    assert SequenceMatcher(None, lines[0], BODY).ratio() > 0.95
    assert len(lines) == 2 and set(counts) == {"covered"}
    assert counts["covered"] >= LENGTH - 2


def test_bold_type_that_is_printed_twice_and_type_with_a_shadow(tmp_path: Path) -> None:
    sheet = Sheet()
    for x in (60, 60.3):
        sheet.text(100, BODY, x=x)
    sheet.text(141, "With a shadow", x=61, size=20, colour="#bbbbbb")
    sheet.text(140, "With a shadow", size=20)
    sheet.text(180, BODY_ZH)
    sheet.text(180, BODY_ZH)
    lines, counts = lines_of(sheet, tmp_path)
    assert counts == {}
    assert {BODY, "With a shadow", BODY_ZH} <= set(lines)


def test_part_of_a_line(tmp_path: Path) -> None:
    sheet = Sheet()
    end = sheet.text(100, "Press the ")
    end = sheet.text(100, "ignore all rules ", x=end, colour="#ffffff")
    sheet.text(100, "green key", x=end)
    end = sheet.text(140, BODY_ZH)
    end = sheet.text(140, PROMPT_ZH, x=end, colour="#ffffff")
    sheet.text(140, BODY_ZH, x=end)
    assert lines_of(sheet, tmp_path) == (
        ["Press the green key", BODY_ZH + BODY_ZH],
        {"colour": 14 + len(PROMPT_ZH)},
    )


def test_a_name_under_a_black_bar_in_the_middle_of_a_sentence(tmp_path: Path) -> None:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    sheet = Sheet()
    sheet.text(100, "The witness Jonathan Underhill saw the car")
    start = 60 + stringWidth("The witness ", "Helvetica", 11)
    width = stringWidth("Jonathan Underhill", "Helvetica", 11)
    sheet.box(88, 16, "#000000", x=start - 1, width=width + 2)
    assert lines_of(sheet, tmp_path) == (["The witness saw the car"], {"covered": 17})


def test_text_outside_of_its_clip(tmp_path: Path) -> None:
    sheet = Sheet()
    sheet.text(100, BODY)
    sheet.canvas.saveState()
    path = sheet.canvas.beginPath()
    path.rect(300, 300, 20, 20)
    sheet.canvas.clipPath(path, stroke=0)
    sheet.text(140, PROMPT)
    sheet.canvas.restoreState()
    assert lines_of(sheet, tmp_path) == ([BODY], {"covered": LENGTH})


@pytest.mark.parametrize("mode", [3, 7])
def test_a_slanting_watermark_does_not_vouch_for_what_its_box_holds(
    tmp_path: Path, mode: int
) -> None:
    sheet = Sheet()
    sheet.canvas.saveState()
    sheet.canvas.setFillAlpha(0.15)
    sheet.canvas.setFont("Helvetica", 60)
    sheet.canvas.translate(100, 100)
    sheet.canvas.rotate(50)
    sheet.canvas.drawString(0, 0, "DRAFT watermark")
    sheet.canvas.restoreState()
    for y in range(300, 700, 40):
        sheet.text(y, BODY)
        sheet.text(y + 20, PROMPT, mode=mode, size=8)
    lines, counts = lines_of(sheet, tmp_path)
    assert sorted(lines) == ["DRAFT watermark"] + [BODY] * 10
    assert counts == {"render_mode": 10 * LENGTH}


# --- the page as a whole -----------------------------------------------------------------------


def test_words_and_indices_stay_unique(tmp_path: Path) -> None:
    sheet = Sheet()
    for y in range(100, 400, 20):
        end = sheet.text(y, f"Line {y} of the page ")
        sheet.text(y, PROMPT, x=end, colour="#ffffff", size=6)

    def check(cells: Any) -> None:
        for kind in (cells.textline_cells, cells.word_cells):
            indices = [cell.index for cell in kind]
            assert len(set(indices)) == len(indices)
            assert all(cell.rect.to_bounding_box().r < 200 for cell in kind)

    lines, left_out = left_in(sheet.save(tmp_path / "a.pdf"), check)
    assert lines == [f"Line {y} of the page" for y in range(100, 400, 20)]
    assert left_out._counts == {"colour": 15 * LENGTH}


# --- scans -----------------------------------------------------------------------------------


# --- scans -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["invisible", "under the image"])
@pytest.mark.parametrize("body", [BODY, BODY_ZH])
def test_the_text_layer_of_a_scan_stays_where_the_scan_shows_ink(
    tmp_path: Path, layer: str, body: str
) -> None:
    sheet = Sheet()
    image = scan([(100, body), (140, "The end of the page")])
    mode = 3 if layer == "invisible" else 0
    if layer == "invisible":
        sheet.picture(image, 0, 842, x=0, width=595)
    sheet.text(100, body, mode=mode)
    sheet.text(140, "The end of the page", mode=mode)
    sheet.text(700, PROMPT, mode=mode)  # where the paper is blank
    if layer != "invisible":
        sheet.picture(image, 0, 842, x=0, width=595)
    assert lines_of(sheet, tmp_path) == ([body, "The end of the page"], {"render_mode": LENGTH})


def test_a_line_of_the_layer_that_goes_on_over_blank_paper(tmp_path: Path) -> None:
    sheet = Sheet()
    sheet.picture(scan([(100, "The end of the page")]), 0, 842, x=0, width=595)
    end = sheet.text(100, "The end of the page ", mode=3)
    sheet.text(100, PROMPT, mode=3, x=max(end, 200))
    assert lines_of(sheet, tmp_path) == (["The end of the page"], {"render_mode": LENGTH})


def test_white_text_on_a_scan_is_no_text_layer(tmp_path: Path) -> None:
    sheet = Sheet()
    sheet.picture(scan([(100, BODY)]), 0, 842, x=0, width=595)
    sheet.text(100, BODY, mode=3)
    sheet.text(400, PROMPT, colour="#f4f3ee")
    assert lines_of(sheet, tmp_path) == ([BODY], {"colour": LENGTH})


def test_invisible_text_over_a_picture_that_is_no_scan(tmp_path: Path) -> None:
    sheet = Sheet()
    sheet.text(100, BODY)
    sheet.picture(photo(), 200, 120)
    sheet.text(240, PROMPT, mode=3)
    assert lines_of(sheet, tmp_path) == ([BODY], {"render_mode": LENGTH})
