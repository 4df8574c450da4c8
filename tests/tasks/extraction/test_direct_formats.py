"""Formats that need no model: nothing of them is lost, nothing outside of them is read."""

from __future__ import annotations

import base64
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tasks.errors import FileRejected
from tasks.extraction.options import ExtractionOptions
from tasks.extraction.worker import extract_file
from tasks.records import Block, ExtractedDocument, FileKind


def picture(colour: str = "red") -> bytes:
    image = Image.new("RGB", (120, 80), colour)
    ImageDraw.Draw(image).rectangle((20, 20, 60, 60), fill="blue")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def extract(path: Path, kind: FileKind) -> ExtractedDocument:
    return extract_file(path, kind, ExtractionOptions(), path.parent / "images")


def kinds(document: ExtractedDocument) -> list[str]:
    return [block.kind for block in document.blocks]


def only(document: ExtractedDocument, kind: str) -> Block:
    (block,) = [block for block in document.blocks if block.kind == kind]
    return block


def test_word(tmp_path: Path) -> None:
    import docx

    image = io.BytesIO(picture())
    source = docx.Document()
    source.add_heading("产品说明", 1)
    paragraph = source.add_paragraph("使用")
    paragraph.add_run("粗体").bold = True
    paragraph.add_run("文字和 a_b & <tag> 字符。")
    table = source.add_table(2, 2)
    table.cell(0, 0).text = "name|number"
    table.cell(0, 1).text = "picture"
    table.cell(1, 0).text = "pump_1"
    table.cell(1, 1).paragraphs[0].add_run().add_picture(image)
    source.add_paragraph("Table 1: The pump")
    source.add_paragraph("first", style="List Bullet")
    source.add_paragraph("nested", style="List Bullet 2")
    source.save(str(tmp_path / "a.docx"))
    document = extract(tmp_path / "a.docx", "docx")
    (found,) = document.pictures
    assert kinds(document) == ["heading", "paragraph", "table", "caption", "list"]
    assert document.blocks[0].level > 0 and document.blocks[0].markdown.endswith("# 产品说明")
    assert document.blocks[1].markdown == "使用粗体文字和 a_b & <tag> 字符。"
    reference = f"[IMAGE_REF: extracted_assets/{found.image_id}.jpg]"
    assert document.blocks[2].markdown.splitlines() == [
        "| name\\|number | picture |",
        "| - | - |",
        f"| pump_1 | {reference} |",
    ]
    assert document.blocks[4].markdown == "- first\n    - nested"
    assert (found.page_no, found.bbox, found.width_px, found.height_px) == (None, None, 120, 80)
    assert (tmp_path / "images" / f"{found.image_id}.jpg").is_file()
    assert document.profile.name == "direct" and document.profile.layout is None


def test_slides(tmp_path: Path) -> None:
    from pptx import Presentation
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Sales & growth"
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("North", (1.5, 2))
    chart = slide.shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(2), Inches(4), Inches(3), data
    ).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Sales by quarter"
    group = slide.shapes.add_group_shape()
    for number, text in enumerate(["Pump", "Valve"]):
        box = group.shapes.add_shape(1, Inches(6), Inches(2 + number), Inches(1), Inches(0.5))
        box.text_frame.text = text
    slide.shapes.add_picture(io.BytesIO(picture()), Inches(1), Inches(5.5), Inches(1), Inches(1.25))
    slide.notes_slide.notes_text_frame.text = "Say that Q2 was better."
    deck.save(str(tmp_path / "a.pptx"))
    document = extract(tmp_path / "a.pptx", "pptx")
    assert document.page_count == 1 and all(block.pages == (1,) for block in document.blocks)
    assert document.blocks[0].markdown == "# Sales & growth"
    assert only(document, "table").markdown.splitlines()[2] == "| Q1 | 1.5 |"
    assert only(document, "caption").markdown == "Sales by quarter"
    assert only(document, "note").markdown == "Say that Q2 was better."
    assert {"Pump", "Valve"} <= {block.markdown for block in document.blocks}
    (found,) = document.pictures
    assert found.bbox == (72.0, 486.0, 144.0, 396.0) and found.page_no == 1


def test_workbook(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "价格"
    book.active.append(["零件", "价格"])
    book.active.append(["泵", 12.5])
    book.save(tmp_path / "a.xlsx")
    document = extract(tmp_path / "a.xlsx", "xlsx")
    assert document.content == "## 价格\n\n| 零件 | 价格 |\n| - | - |\n| 泵 | 12.5 |"
    assert document.page_count is None and all(not block.pages for block in document.blocks)


@pytest.fixture
def visited() -> Iterator[tuple[str, list[str]]]:
    """A web server of our own: its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(picture())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_html_fetches_nothing(tmp_path: Path, visited: tuple[str, list[str]]) -> None:
    address, asked = visited
    (tmp_path / "near.png").write_bytes(picture())
    embedded = base64.b64encode(picture("green")).decode()
    (tmp_path / "a.html").write_text(
        "<html><head><title>T</title></head><body><p>Before the heading &amp; more.</p>"
        "<h1>Pump_1</h1><p>Text <b>bold</b> and <a href='http://x.example/'>link</a>.</p>"
        f"<img src='{address}/a.png'><img src='near.png'>"
        f"<img src='file://{tmp_path}/near.png'><img src='data:image/png;base64,{embedded}'>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2 &lt; 3</td></tr></table>"
        "<ul><li>one<ul><li>two</li></ul></li></ul><pre>x = 1\n  y = 2</pre></body></html>"
    )
    document = extract(tmp_path / "a.html", "html")
    assert asked == []
    assert len(document.pictures) == 1
    assert document.content.startswith("Before the heading & more.\n\n# Pump_1\n\n")
    assert "Text bold and link." in document.content
    assert "| 1 | 2 < 3 |" in document.content and "- one\n    - two" in document.content
    assert only(document, "code").markdown == "```\nx = 1\n  y = 2\n```"


def test_markdown_fetches_nothing(tmp_path: Path, visited: tuple[str, list[str]]) -> None:
    address, asked = visited
    (tmp_path / "near.png").write_bytes(picture())
    (tmp_path / "a.md").write_text(
        f"# Title_x\n\nSome *text* & <b>x</b>.\n\n![near](near.png) ![far]({address}/b.png)\n\n"
        "```python\nfor i in x:\n    print(i)\n```\n\n1. one\n2. two\n"
    )
    document = extract(tmp_path / "a.md", "markdown")
    assert asked == [] and document.pictures == ()
    assert document.blocks[0] == Block(kind="heading", markdown="# Title_x", level=1)
    assert "Some text & x." in document.content
    assert only(document, "code").markdown == "```\nfor i in x:\n    print(i)\n```"
    assert only(document, "list").markdown == "1. one\n2. two"


def test_a_picture_of_a_few_pixels_leaves_no_reference(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(stream, "PNG")
    dot = base64.b64encode(stream.getvalue()).decode()
    (tmp_path / "a.html").write_text(f"<p>Text</p><img src='data:image/png;base64,{dot}'>")
    document = extract(tmp_path / "a.html", "html")
    assert document.content == "Text" and document.pictures == ()
    (dropped,) = document.dropped_pictures
    assert (dropped.step, dropped.reason, dropped.file_path) == ("extract", "image_too_small", "")


def test_csv_in_a_chinese_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("零件,价格\n泵,12\n阀门,30\n".encode("gb18030"))
    document = extract(tmp_path / "a.csv", "csv")
    assert document.content == "| 零件 | 价格 |\n| - | - |\n| 泵 | 12 |\n| 阀门 | 30 |"


def test_an_office_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(FileRejected) as caught:
        extract(tmp_path / "a.docx", "docx")
    assert caught.value.reason == "conversion_failed"
