"""PDF and image files through docling with the embedded engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from tasks.errors import EngineUnavailable, FileRejected
from tasks.extraction.engines import layout_model_file
from tasks.extraction.options import ExtractionOptions
from tasks.extraction.worker import extract_file
from tasks.records import ExtractedDocument
from tests.tasks.extraction.pdf_maker import Line, paragraph, write_pdf

pytestmark = [
    pytest.mark.docling,
    pytest.mark.skipif(
        layout_model_file() is None, reason="the embedded models are not installed (uv sync)"
    ),
]

LEFT = [
    "Hydraulic pumps move liquid through a",
    "closed circuit and keep its pressure steady",
    "while the load on the motor changes. A",
    "valve opens when the pressure rises above",
    "the limit of the vessel.",
]
RIGHT = [
    "Electric pumps need no oil but they",
    "overheat in a few minutes when they run",
    "dry. A sensor under the housing stops the",
    "motor before the winding melts and reports",
    "the fault to the panel.",
]


def handbook(path: Path) -> Path:
    """Three pages: two columns; code and a list; an end. With a running header and numbers."""

    def frame(number: int) -> list[Line]:
        return [
            Line(60, 40, "Pump handbook, second edition", size=9),
            Line(290, 815, f"{number} of 3", size=9),
        ]

    columns = [*frame(1), Line(60, 90, "Pumps and valves", "bold", 22)]
    for y in (130, 220, 310):
        columns += paragraph(60, y, LEFT, 9.5) + paragraph(315, y, RIGHT, 9.5)
    code = [
        *frame(2),
        Line(60, 90, "Starting the pump", "bold", 15),
        *paragraph(60, 115, ["Run this script once after every power failure:"]),
        Line(75, 140, "def start(pump):", "mono", 10),
        Line(75, 153, "    if pump.dry:", "mono", 10),
        Line(75, 166, "        raise DryRun(pump.id)", "mono", 10),
        Line(75, 179, "    pump.on()", "mono", 10),
        *paragraph(60, 215, ["Then check three things before you leave the room:"]),
        Line(75, 235, "\u2022 the oil level in the glass,"),
        Line(75, 250, "\u2022 the temperature of the housing, which must not exceed the"),
        Line(85, 264, "limit on its plate,"),
        Line(75, 280, "\u2022 the noise of the bearing."),
        *paragraph(
            60,
            310,
            [
                "The handbook of the manufac-",
                "turer lists every well-known fault and its remedy in a table.",
            ],
        ),
    ]
    end = [
        *frame(3),
        Line(60, 90, "Stopping the pump", "bold", 15),
        *paragraph(
            60,
            115,
            [
                "Close the valve first, then switch the motor off and wait until",
                "the pressure gauge shows zero before you open the housing.",
            ],
        ),
    ]
    return write_pdf(path, [columns, code, end])


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> ExtractedDocument:
    folder = tmp_path_factory.mktemp("handbook")
    return extract_file(
        handbook(folder / "pump book.pdf"), "pdf", ExtractionOptions(), folder / "images"
    )


def test_columns_are_read_one_after_the_other(document: ExtractedDocument) -> None:
    first = [b.markdown for b in document.blocks if b.pages == (1,) and b.kind == "paragraph"][1:]
    assert first == [" ".join(LEFT)] * 3 + [" ".join(RIGHT)] * 3


def test_code_and_lists_are_found_by_fonts_and_markers(document: ExtractedDocument) -> None:
    assert [b.markdown for b in document.blocks if b.kind == "code"] == [
        "```\ndef start(pump):\n    if pump.dry:\n        raise DryRun(pump.id)\n    pump.on()\n```"
    ]
    assert [b.markdown for b in document.blocks if b.kind == "list"] == [
        "- the oil level in the glass,\n"
        "- the temperature of the housing, which must not exceed the limit on its plate,\n"
        "- the noise of the bearing."
    ]
    assert "handbook of the manufacturer lists every well-known fault" in document.content


def test_headings_have_levels_by_size(document: ExtractedDocument) -> None:
    assert [(b.level, b.markdown) for b in document.blocks if b.kind == "heading"] == [
        (1, "# Pumps and valves"),
        (2, "## Starting the pump"),
        (2, "## Stopping the pump"),
    ]


def test_running_lines_stand_once_and_page_numbers_never(document: ExtractedDocument) -> None:
    assert document.content.count("second edition") == 1
    assert "of 3" not in document.content
    assert document.page_count == 3
    assert {page for block in document.blocks for page in block.pages} == {1, 2, 3}


def test_page_windows_change_nothing(document: ExtractedDocument, tmp_path: Path) -> None:
    options = ExtractionOptions(page_window=1)
    windows = extract_file(handbook(tmp_path / "a.pdf"), "pdf", options, tmp_path)
    assert windows.blocks == document.blocks
    assert (windows.doc_id, windows.page_count) == (document.doc_id, 3)


def test_profile_says_which_engines_ran(document: ExtractedDocument) -> None:
    profile = document.profile
    assert (profile.name, profile.layout, profile.tables, profile.ocr) == (
        "embedded",
        "cdla",
        "slanet-plus",
        None,
    )


def test_without_models_the_words_are_the_same(document: ExtractedDocument, tmp_path: Path) -> None:
    options = ExtractionOptions(profile="native")
    native = extract_file(handbook(tmp_path / "a.pdf"), "pdf", options, tmp_path)
    assert sorted(native.content.replace("#", "").split()) == sorted(
        document.content.replace("#", "").split()
    )
    assert native.profile.layout is None


def test_engines_that_cannot_start_are_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.extraction.layout_cdla.layout_model_file", lambda: None)
    options = ExtractionOptions(images_scale=1.9)  # a converter of its own
    with pytest.raises(EngineUnavailable, match="uv sync"):
        extract_file(handbook(tmp_path / "a.pdf"), "pdf", options, tmp_path)


def test_blank_pages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRejected) as caught:
        extract_file(write_pdf(tmp_path / "a.pdf", [[], []]), "pdf", ExtractionOptions(), tmp_path)
    assert caught.value.reason == "no_text"


def test_bytes_that_are_no_pdf_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    with pytest.raises(FileRejected) as caught:
        extract_file(tmp_path / "a.pdf", "pdf", ExtractionOptions(), tmp_path)
    assert caught.value.reason == "conversion_failed"


def printed(text: list[str]) -> Image.Image:
    """A page as a scanner sees it, at 100 dpi."""
    page = Image.new("RGB", (827, 700), "white")
    font = ImageFont.load_default(size=24)
    for number, line in enumerate(text):
        ImageDraw.Draw(page).text((80, 100 + 44 * number), line, "black", font)
    return page


SCAN = ["The pump must run for ten minutes", "before the pressure is measured."]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "scan.pdf"
    printed(SCAN).save(path, resolution=100)
    return path


def test_a_scanned_page_is_read_by_ocr(scan: Path, tmp_path: Path) -> None:
    document = extract_file(scan, "pdf", ExtractionOptions(), tmp_path)
    assert "".join(SCAN).replace(" ", "") in document.content.replace(" ", "").replace("\n", "")
    assert document.profile.ocr == "rapidocr"


def test_a_scanned_page_without_ocr_has_no_text(scan: Path, tmp_path: Path) -> None:
    with pytest.raises(FileRejected) as caught:
        extract_file(scan, "pdf", ExtractionOptions(ocr="never"), tmp_path)
    assert caught.value.reason == "no_text" and "OCR" in caught.value.detail


def test_a_tiff_of_several_pages_is_a_document(tmp_path: Path) -> None:
    first, second = printed(SCAN), printed(["Close the valve after the test."])
    first.save(tmp_path / "a.tiff", save_all=True, append_images=[second], dpi=(100, 100))
    document = extract_file(tmp_path / "a.tiff", "image", ExtractionOptions(), tmp_path)
    assert document.page_count == 2
    assert document.blocks[-1].pages == (2,)
    assert "Closethevalve" in document.blocks[-1].markdown.replace(" ", "")
