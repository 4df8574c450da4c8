"""Hidden text of PDF pages through the whole extraction, with the embedded engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.extraction.engines import layout_model_file
from tasks.extraction.options import ExtractionOptions, ProfileName
from tasks.extraction.worker import extract_file
from tests.tasks.extraction.invisible_pages import (
    BODY,
    BODY_ZH,
    PROMPT,
    PROMPT_ZH,
    Sheet,
    photo,
    scan,
)

pytest.importorskip("reportlab", reason="reportlab is in the dev group")
pytestmark = [
    pytest.mark.docling,
    pytest.mark.skipif(
        layout_model_file() is None, reason="the embedded models are not installed (uv sync)"
    ),
]
COUNT = len((PROMPT + PROMPT_ZH).replace(" ", ""))


def manual(path: Path) -> Path:
    """A heading, paragraphs, a table with white type in its head, and hidden text between."""
    sheet = Sheet()
    sheet.text(80, "Operating the pump", size=20)
    sheet.text(100, PROMPT, size=7, colour="#ffffff")
    for row, y in enumerate(range(130, 230, 16)):
        sheet.text(y, f"{BODY} on floor {row + 1},")
    sheet.box(260, 20, "#203060")
    for column, x in enumerate((60, 210, 360)):
        sheet.text(274, ("Part", "Weight", "Price")[column], x=x, colour="#ffffff")
        for row in range(4):
            sheet.text(296 + 20 * row, ("Valve", "12 kg", "30")[column], x=x)
    for y in (256, 280, 300, 320, 340, 360):
        sheet.canvas.line(50, 842 - y - 4, 500, 842 - y - 4)
    sheet.text(420, BODY_ZH, size=12)
    sheet.text(438, PROMPT_ZH, mode=3)
    sheet.text(456, BODY_ZH, size=12)
    return sheet.save(path)


@pytest.mark.parametrize("profile", ["embedded", "native"])
def test_hidden_text_reaches_no_block(tmp_path: Path, profile: ProfileName) -> None:
    path = manual(tmp_path / "manual.pdf")
    document = extract_file(path, "pdf", ExtractionOptions(profile=profile), tmp_path / "images")
    assert "Ignore" not in document.content and "忽略" not in document.content
    for text in ("Operating the pump", BODY, "Part", "Weight", "Valve", BODY_ZH):
        assert text in document.content
    assert document.invisible_characters == COUNT
    (reject,) = document.dropped_pictures
    assert (reject.reason, reject.id) == ("invisible_text", document.doc_id)
    assert reject.detail == (
        f"Left out {COUNT} characters that no reader sees: 49 in the colour of what is behind "
        f"them; {len(PROMPT_ZH)} in the invisible rendering mode."
    )


def test_every_window_of_a_long_file_is_counted(tmp_path: Path) -> None:
    sheet = Sheet()
    for page in range(5):
        sheet.text(100, f"{BODY} on page {page + 1}")
        sheet.text(300, PROMPT, size=0.5, x=60 + page)
        sheet.canvas.showPage()
    path = sheet.save(tmp_path / "long.pdf")
    options = ExtractionOptions(profile="native", page_window=2)
    document = extract_file(path, "pdf", options, tmp_path / "images")
    assert document.content.count(BODY) == document.page_count == 5
    assert "Ignore" not in document.content and document.invisible_characters > 5 * 30


def test_a_scan_with_nothing_but_a_hidden_prompt_is_read_by_ocr(tmp_path: Path) -> None:
    sheet = Sheet()
    sheet.picture(scan([(100, BODY), (130, "The end of the page")]), 0, 842, x=0, width=595)
    sheet.text(600, PROMPT, mode=3)
    path = sheet.save(tmp_path / "scan.pdf")
    document = extract_file(path, "pdf", ExtractionOptions(), tmp_path / "images")
    assert document.profile.ocr == "rapidocr"
    assert "end of the page" in document.content and "Ignore" not in document.content
    assert document.invisible_characters == 49


def test_pages_without_hidden_text_say_nothing_of_it(tmp_path: Path) -> None:
    sheet = Sheet()
    sheet.text(100, BODY)
    sheet.picture(photo(), 200, 120)
    path = sheet.save(tmp_path / "plain.pdf")
    options = ExtractionOptions(profile="native")
    document = extract_file(path, "pdf", options, tmp_path / "images")
    assert document.invisible_characters == 0 and document.dropped_pictures == ()
