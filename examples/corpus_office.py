"""What the DOCX, PPTX and XLSX files share: dates that stand still, and Chinese fonts in Word."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from typing import Any

WRITTEN_AT = datetime.datetime(2026, 1, 15, 9, 0, 0)
_DATES = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:)")


def same_bytes_every_time(package: bytes) -> bytes:
    """The same Office file with fixed dates, in its zip directory and in its properties.

    A workbook inside it, which holds the data of a chart, is treated likewise.
    """
    written = io.BytesIO()
    stamp = WRITTEN_AT.isoformat().encode() + b"Z"
    with zipfile.ZipFile(io.BytesIO(package)) as source, zipfile.ZipFile(written, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            if member.filename == "docProps/core.xml":
                content = _DATES.sub(rb"\g<1>" + stamp + rb"\g<3>", content)
            elif member.filename.endswith(".xlsx"):
                content = same_bytes_every_time(content)
            entry = zipfile.ZipInfo(member.filename, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content, compresslevel=9)
    return written.getvalue()


def set_properties(properties: Any, title: str, language: str) -> None:
    """The core properties of a Word document or a presentation."""
    properties.title = title
    properties.author = "clara-pipeline examples"
    properties.last_modified_by = "clara-pipeline examples"
    properties.language = language
    properties.comments = ""
    properties.revision = 1
    properties.created = properties.modified = WRITTEN_AT


def chinese_document(title: str) -> Any:
    """An empty Word document whose styles name a font for Chinese."""
    from docx import Document
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt, RGBColor

    document = Document()
    set_properties(document.core_properties, title, "zh-CN")
    for section in document.sections:
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.5)
        section.top_margin = section.bottom_margin = Cm(2.2)
    for name in ("Normal", "Title", "Heading 1", "Heading 2", "Caption", "List Number"):
        style = document.styles[name]
        style.font.name = "Calibri"
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for attribute in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{attribute}"), None)
        fonts.set(qn("w:eastAsia"), "Microsoft YaHei")
        if name not in ("Normal", "List Number"):
            style.font.color.rgb = RGBColor(0x17, 0x32, 0x4D)
    document.styles["Normal"].font.size = Pt(10.5)
    document.styles["Normal"].paragraph_format.space_after = Pt(6)
    document.styles["Caption"].font.size = Pt(9)
    return document


def word_bytes(document: Any) -> bytes:
    """The DOCX file of `document`."""
    buffer = io.BytesIO()
    document.save(buffer)
    return same_bytes_every_time(buffer.getvalue())


def fill_table(table: Any, rows: list[list[str]]) -> None:
    """Write `rows` into a Word table: the first one is its header, and none is torn by a page."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt

    for number, row in enumerate(rows):
        properties = table.rows[number]._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if number == 0:
            properties.append(OxmlElement("w:tblHeader"))
        for column, text in enumerate(row):
            cell = table.cell(number, column)
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_before = Pt(2)
            paragraph.paragraph_format.space_after = Pt(2)
            paragraph.paragraph_format.keep_with_next = number < len(rows) - 1
            paragraph.add_run(text).bold = number == 0
            if number == 0:
                shade = OxmlElement("w:shd")
                shade.set(qn("w:val"), "clear")
                shade.set(qn("w:fill"), "E6F0FA")
                cell._tc.get_or_add_tcPr().append(shade)
