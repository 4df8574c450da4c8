"""What the PDFs of the corpus share: page frames, paragraph styles, tables, fixed dates."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Literal

from corpus_fonts import SANS, SERIF, register_pdf_fonts
from reportlab import rl_config
from reportlab.lib import colors, textsplit
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    Image,
    ListFlowable,
    ListItem,
    PageTemplate,
    Paragraph,
    Table,
    paragraph,
)

# reportlab knows the Japanese marks that cannot start a line, and only half of the Chinese ones.
for module in (paragraph, textsplit):
    module.ALL_CANNOT_START += "，；：！？）》”"
# Without this an embedded picture grows by a quarter.
rl_config.useA85 = 0

INK = colors.HexColor("#17324d")
ACCENT = colors.HexColor("#2b6cb0")
PALE = colors.HexColor("#e6f0fa")
RULE = colors.HexColor("#7b8794")
MARGIN = 20 * mm


def english_styles() -> dict[str, ParagraphStyle]:
    body = ParagraphStyle(
        "body", fontName="Helvetica", fontSize=10, leading=14, spaceAfter=6, alignment=TA_JUSTIFY
    )
    return _family(body, "Helvetica-Bold", "Helvetica", 1.0)


def chinese_styles() -> dict[str, ParagraphStyle]:
    register_pdf_fonts()
    body = ParagraphStyle(
        "body", fontName=SERIF, fontSize=10.5, leading=17, spaceAfter=6, firstLineIndent=21,
        wordWrap="CJK",
    )  # fmt: skip
    return _family(body, SANS, SANS, 1.05)


def _family(body: ParagraphStyle, bold: str, plain: str, scale: float) -> dict[str, ParagraphStyle]:
    def heading(name: str, size: float, before: float, after: float) -> ParagraphStyle:
        return ParagraphStyle(
            name, parent=body, fontName=bold, fontSize=size * scale, leading=size * 1.35 * scale,
            spaceBefore=before, spaceAfter=after, textColor=INK, firstLineIndent=0,
            alignment=0, keepWithNext=1,
        )  # fmt: skip

    def small(name: str, **changes: Any) -> ParagraphStyle:
        return ParagraphStyle(
            name, parent=body, fontName=plain, fontSize=9 * scale, leading=12 * scale,
            firstLineIndent=0, spaceAfter=0, alignment=0, **changes,
        )  # fmt: skip

    item = ParagraphStyle("item", parent=body, firstLineIndent=0, spaceAfter=2, alignment=0)
    return {
        "body": body,
        "title": heading("title", 22, 0, 4),
        "subtitle": ParagraphStyle(
            "subtitle",
            parent=body,
            fontSize=11.5,
            textColor=RULE,
            spaceAfter=12,
            firstLineIndent=0,
            alignment=0,
        ),
        "h1": heading("h1", 14.5, 12, 5),
        "h2": heading("h2", 11.5, 8, 3),
        "item": item,
        "cell": small("cell"),
        "head": ParagraphStyle("head", parent=small("head0"), fontName=bold, textColor=INK),
        "caption": ParagraphStyle(
            "caption",
            parent=small("caption0"),
            alignment=TA_CENTER,
            spaceBefore=4,
            spaceAfter=9,
            textColor=colors.HexColor("#44515f"),
        ),
        "code": ParagraphStyle("code", fontName="Courier", fontSize=8.6, leading=11.4),
    }


def build_pdf(
    story: Sequence[Flowable],
    title: str,
    author: str,
    subject: str,
    header: str,
    footer: Callable[[int], str],
    font: str,
) -> bytes:
    """A PDF of A4 pages with a running header and a footer; no date and no random id in it."""

    def decorate(canvas: Any, document: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont(font, 8.5)
        canvas.setFillColor(RULE)
        canvas.drawString(MARGIN, A4[1] - 13 * mm, header)
        canvas.drawRightString(A4[0] - MARGIN, 11 * mm, footer(document.page))
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, A4[1] - 15 * mm, A4[0] - MARGIN, A4[1] - 15 * mm)
        canvas.restoreState()

    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer, pagesize=A4, title=title, author=author, subject=subject, invariant=1,
        leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
    )  # fmt: skip
    frame = Frame(
        MARGIN,
        MARGIN - 4 * mm,
        A4[0] - 2 * MARGIN,
        A4[1] - 2 * MARGIN + 2 * mm,
        0,
        0,
        0,
        0,
        id="page",
    )
    document.addPageTemplates([PageTemplate("page", [frame], onPage=decorate)])
    document.build(list(story))
    return buffer.getvalue()


def table(
    rows: Sequence[Sequence[str]],
    widths_mm: Sequence[float],
    styles: dict[str, ParagraphStyle],
    rules: Literal["grid", "three", "none"],
) -> Table:
    """A table whose first row is its header.

    It has a full grid, or the three lines that are customary in Chinese print, or no line at all.
    """
    cells = [
        [Paragraph(text, styles["head" if number == 0 else "cell"]) for text in row]
        for number, row in enumerate(rows)
    ]
    drawn = Table(cells, [width * mm for width in widths_mm], repeatRows=1)
    commands: list[tuple[Any, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE" if rules == "grid" else "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
    ]
    if rules == "grid":
        commands += [
            ("GRID", (0, 0), (-1, -1), 0.6, RULE),
            ("BACKGROUND", (0, 0), (-1, 0), PALE),
        ]
    if rules == "three":
        commands += [
            ("LINEABOVE", (0, 0), (-1, 0), 1.2, INK),
            ("LINEBELOW", (0, 0), (-1, 0), 0.6, INK),
            ("LINEBELOW", (0, -1), (-1, -1), 1.2, INK),
        ]
    drawn.setStyle(commands)
    return drawn


def listing(
    items: Sequence[str], styles: dict[str, ParagraphStyle], numbered: bool = False
) -> ListFlowable:
    """A bulleted or a numbered list."""
    entries = [ListItem(Paragraph(text, styles["item"]), leftIndent=16) for text in items]
    if numbered:
        return ListFlowable(
            entries, bulletType="1", bulletFormat="%s.", leftIndent=16,
            bulletFontName=styles["head"].fontName, bulletFontSize=styles["item"].fontSize,
        )  # fmt: skip
    return ListFlowable(
        entries, bulletType="bullet", start="•", leftIndent=16,
        bulletFontName="Helvetica", bulletFontSize=styles["item"].fontSize,
    )  # fmt: skip


def picture(png: bytes, width_mm: float) -> Image:
    """A bitmap at the given width, its proportions kept."""
    drawn = Image(io.BytesIO(png))
    factor = width_mm * mm / drawn.imageWidth
    drawn.drawWidth, drawn.drawHeight = width_mm * mm, drawn.imageHeight * factor
    return drawn
