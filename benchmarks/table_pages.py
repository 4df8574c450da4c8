"""Sets the tables of table_corpus.py on PDF pages with reportlab, each in a style of its own."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from benchmarks.table_corpus import TablePage, TableSpec, chinese_font

RULED_STYLES = ("black", "grey-hairline", "thick-box", "dark-header", "zebra-grid")
UNRULED_STYLES = ("bare", "booktabs", "header-line", "zebra", "row-lines")
PROSE = {
    "en": (
        "Maintenance report",
        "The figures below were collected during the last two quarters and checked by the "
        "responsible department. Values that could not be confirmed are left out. Where a value "
        "differs from the one that was published before, the newer one counts.",
        "The next report appears in spring. Questions about single entries are answered by the "
        "office, which also keeps the original records for five years.",
        "Table {}: Overview",
    ),
    "zh": (
        "维护报告",
        "以下数据由相关部门在最近两个季度收集并核对。无法确认的数值没有列出。如果某个数值与此前公布的不同，"
        "以较新的数值为准。各部门负责人应当在收到本报告后十个工作日内提出意见。",
        "下一份报告将于春季发布。关于具体条目的问题由办公室负责解答，原始记录保存五年。",
        "表 {}：总览",
    ),
}


class _Located(Flowable):
    """Draws a table and remembers where: (left, top, right, bottom), points, top-left origin."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table
        self.bbox: tuple[float, float, float, float] = (0, 0, 0, 0)

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.width, self.height = self.table.wrap(width, height)
        return width, self.height

    def draw(self) -> None:
        x, y = self.canv.absolutePosition(0, 0)
        self.table.drawOn(self.canv, 0, 0)
        self.bbox = (x, A4[1] - y - self.height, x + self.width, A4[1] - y)


def write_page(spec: TableSpec, folder: Path, number: int, seed: int = 0) -> TablePage:
    """Writes `folder/<name>.pdf`, one page. Raises FontMissing for Chinese without a font."""
    rng = random.Random(f"{seed}-style-{spec.name}")
    regular, bold = _fonts(spec.language, rng)
    size = rng.choice((8, 9, 9.5, 10, 11))
    heading, above, below, caption = PROSE[spec.language]
    located = _Located(_table(spec, rng, regular, bold, size, number))
    body = ParagraphStyle(
        "body", fontName=regular, fontSize=10.5, leading=15, wordWrap=_wrap(spec), spaceAfter=10
    )
    small = ParagraphStyle("caption", parent=body, fontSize=9, leading=12, spaceAfter=4)
    title = ParagraphStyle("title", parent=body, fontName=bold, fontSize=16, leading=22)
    path = folder / f"{spec.name}.pdf"
    document = SimpleDocTemplate(
        str(path), pagesize=A4, leftMargin=64, rightMargin=64, topMargin=60, invariant=1
    )
    document.build(
        [
            Paragraph(heading, title),
            Paragraph(above, body),
            Paragraph(caption.format(number), small),
            located,
            Spacer(1, 14),
            Paragraph(below, body),
        ]
    )
    return TablePage(spec, path, located.bbox)


def _table(
    spec: TableSpec, rng: random.Random, regular: str, bold: str, size: float, number: int
) -> Table:
    align = {c: rng.choice(("RIGHT", "RIGHT", "CENTER")) for c in spec.numeric}
    text_align = rng.choice(("LEFT", "LEFT", "LEFT", "CENTER"))
    styles = RULED_STYLES if spec.ruling == "ruled" else UNRULED_STYLES
    style_name = styles[(number // 2 + number // 10) % len(styles)]
    white_header = style_name == "dark-header"
    grid: list[list[Any]] = [[""] * spec.cols for _ in range(spec.rows)]
    commands: list[tuple[Any, ...]] = []
    for cell in spec.cells:
        is_header = cell.row < spec.header_rows
        side = align.get(cell.col, text_align)
        if (cell.col_span > 1 and cell.col_span < spec.cols) or (cell.row_span > 1 and is_header):
            side = "CENTER"
        style = ParagraphStyle(
            "cell",
            fontName=bold if is_header else regular,
            fontSize=size,
            leading=size * 1.25,
            alignment={"LEFT": 0, "CENTER": 1, "RIGHT": 2}[side],
            wordWrap=_wrap(spec),
            textColor=colors.white if is_header and white_header else colors.black,
        )
        grid[cell.row][cell.col] = Paragraph(cell.text, style) if cell.text else ""
        if cell.row_span > 1 or cell.col_span > 1:
            end = (cell.col + cell.col_span - 1, cell.row + cell.row_span - 1)
            commands.append(("SPAN", (cell.col, cell.row), end))
    width = rng.uniform(0.72, 1.0) * (A4[0] - 128)
    widths = [width * weight / sum(spec.weights) for weight in spec.weights]
    vertical = rng.uniform(2, 5)
    commands += [
        ("VALIGN", (0, 0), (-1, -1), rng.choice(("TOP", "MIDDLE"))),
        ("TOPPADDING", (0, 0), (-1, -1), vertical),
        ("BOTTOMPADDING", (0, 0), (-1, -1), vertical + 1),
        ("LEFTPADDING", (0, 0), (-1, -1), rng.uniform(3, 7)),
        ("RIGHTPADDING", (0, 0), (-1, -1), rng.uniform(3, 7)),
        *_rules(style_name, spec),
    ]
    return Table(grid, colWidths=widths, style=TableStyle(commands))


def _rules(name: str, spec: TableSpec) -> list[tuple[Any, ...]]:
    everything, header = ((0, 0), (-1, -1)), ((0, 0), (-1, spec.header_rows - 1))
    last_header = ((0, spec.header_rows - 1), (-1, spec.header_rows - 1))
    light = colors.HexColor("#eef2f7")
    stripes = [
        ("BACKGROUND", (0, row), (-1, row), light)
        for row in range(spec.header_rows, spec.rows)
        if (row - spec.header_rows) % 2
    ]
    return {
        "black": [("GRID", *everything, 0.5, colors.black)],
        "grey-hairline": [("GRID", *everything, 0.25, colors.HexColor("#b0b0b0"))],
        "thick-box": [
            ("INNERGRID", *everything, 0.4, colors.black),
            ("BOX", *everything, 1.5, colors.black),
            ("BACKGROUND", *header, colors.HexColor("#e8e8e8")),
        ],
        "dark-header": [
            ("GRID", *everything, 0.5, colors.HexColor("#1f3a5f")),
            ("BACKGROUND", *header, colors.HexColor("#1f3a5f")),
        ],
        "zebra-grid": [*stripes, ("GRID", *everything, 0.4, colors.HexColor("#8090a0"))],
        "bare": [],
        "booktabs": [
            ("LINEABOVE", (0, 0), (-1, 0), 1.1, colors.black),
            ("LINEBELOW", *last_header, 0.6, colors.black),
            ("LINEBELOW", (0, -1), (-1, -1), 1.1, colors.black),
        ],
        "header-line": [("LINEBELOW", *last_header, 0.75, colors.black)],
        "zebra": [*stripes, ("BACKGROUND", *header, colors.HexColor("#d5dde8"))],
        "row-lines": [("LINEBELOW", *everything, 0.3, colors.HexColor("#999999"))],
    }[name]


def _wrap(spec: TableSpec) -> str | None:
    return "CJK" if spec.language == "zh" else None


def _fonts(language: str, rng: random.Random) -> tuple[str, str]:
    if language == "en":
        return rng.choice((("Helvetica", "Helvetica-Bold"), ("Times-Roman", "Times-Bold")))
    if "Chinese" not in pdfmetrics.getRegisteredFontNames():
        path, face = chinese_font()
        pdfmetrics.registerFont(TTFont("Chinese", path, subfontIndex=face))
    return "Chinese", "Chinese"
