"""Text that page boxes, forms, layers, fonts and blending hide: PDF written object by object."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

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
)
from tests.tasks.extraction.raw_pdf import raw_pdf, shown

PAGE = shown(160, 700, BODY) + "1 1 1 rg\n" + shown(160, 600, PROMPT)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_pages_that_are_cropped_and_turned(tmp_path: Path, turned: int) -> None:
    path = raw_pdf(
        tmp_path / "turned.pdf", PAGE, page=f"/Rotate {turned} /CropBox [100 100 500 742]"
    )
    lines, left_out = left_in(path)
    assert lines == [BODY] and left_out._counts == {"colour": LENGTH}


def test_text_between_crop_box_and_media_box(tmp_path: Path) -> None:
    path = raw_pdf(
        tmp_path / "crop.pdf",
        shown(160, 700, BODY) + shown(160, 20, PROMPT),
        page="/CropBox [100 100 500 742]",
    )
    lines, left_out = left_in(path)
    assert lines == [BODY] and left_out._counts == {"off_page": LENGTH}


@pytest.mark.parametrize(
    "hiding", ["/F1 0 Tf", "/F1 11 Tf 0 Tz", "/F1 11 Tf 0 0 0 0 60 500 Tm", "/F1 11 Tf 3 Tr"]
)
def test_text_without_any_extent(tmp_path: Path, hiding: str) -> None:
    content = shown(60, 700, BODY) + f"BT {hiding} 60 600 Td ({PROMPT}) Tj ET\n"
    lines, left_out = left_in(raw_pdf(tmp_path / "flat.pdf", content))
    assert lines == [BODY]
    assert left_out.characters > 10


def test_one_point_of_a_font_scaled_up_is_not_small(tmp_path: Path) -> None:
    content = f"BT /F1 1 Tf 11 0 0 11 60 600 Tm ({BODY}) Tj ET\n"
    lines, left_out = left_in(raw_pdf(tmp_path / "scaled.pdf", content))
    assert lines == [BODY] and left_out.characters == 0


def test_white_text_inside_a_scaled_form(tmp_path: Path) -> None:
    form = shown(60, 500, BODY, 22) + "1 1 1 rg\n" + shown(60, 400, PROMPT, 22)
    path = raw_pdf(
        tmp_path / "form.pdf",
        "q .5 0 0 .5 100 200 cm /Fm1 Do Q\n",
        resources="/XObject << /Fm1 6 0 R >>",
        objects=[
            f"<< /Type /XObject /Subtype /Form /BBox [0 0 900 900] /Matrix [1 0 0 1 10 20] "
            f"/Resources << /Font << /F1 4 0 R >> >> /Length {len(form)} >>\n"
            f"stream\n{form}\nendstream"
        ],
    )
    lines, left_out = left_in(path)
    assert lines == [BODY] and left_out._counts == {"colour": LENGTH}


def test_a_layer_that_is_switched_off(tmp_path: Path) -> None:
    path = raw_pdf(
        tmp_path / "layers.pdf",
        f"/OC /off BDC\n{shown(60, 700, PROMPT)}EMC\n/OC /on BDC\n{shown(60, 600, BODY)}EMC\n",
        resources="/Properties << /off 6 0 R /on 7 0 R >>",
        objects=["<< /Type /OCG /Name (off) >>", "<< /Type /OCG /Name (on) >>"],
        catalogue="/OCProperties << /OCGs [6 0 R 7 0 R] /D << /OFF [6 0 R] /ON [7 0 R] >> >>",
    )
    lines, left_out = left_in(path)
    assert lines == [BODY] and left_out._counts == {"covered": LENGTH}


def test_form_fields_that_are_hidden(tmp_path: Path) -> None:
    def field(number: int, value: str, y: int, flags: int) -> list[str]:
        look = shown(2, 5, value)
        return [
            f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (f{number}) /V ({value}) /F {flags} "
            f"/Rect [60 {y} 500 {y + 20}] /DA (/F1 11 Tf 0 g) /AP << /N {number + 1} 0 R >> >>",
            f"<< /Type /XObject /Subtype /Form /BBox [0 0 440 20] "
            f"/Resources << /Font << /F1 4 0 R >> >> /Length {len(look)} >>\n"
            f"stream\n{look}\nendstream",
        ]

    path = raw_pdf(
        tmp_path / "fields.pdf",
        shown(60, 700, BODY),
        page="/Annots [6 0 R 8 0 R]",
        objects=field(6, "Pressure 4 bar", 600, 4) + field(8, PROMPT, 500, 2),
        catalogue="/AcroForm << /Fields [6 0 R 8 0 R] /DR << /Font << /F1 4 0 R >> >> >>",
    )
    lines, left_out = left_in(path)
    assert lines == [BODY, "Pressure 4 bar"] and left_out._counts == {"hidden": LENGTH}


def test_letters_that_the_renderers_cannot_draw(tmp_path: Path) -> None:
    """A font that is not in the file, and glyphs that no other font has in its place."""
    codes = "".join(f"<{0xF000 + ord(c):04x}> <{ord(c):04x}>\n" for c in sorted(set(BODY)))
    table = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap "
        "1 begincodespacerange <0000> <ffff> endcodespacerange "
        f"{len(set(BODY))} beginbfchar\n{codes}endbfchar endcmap end end"
    )
    shown_codes = "".join(f"{0xF000 + ord(c):04x}" for c in BODY)
    path = raw_pdf(
        tmp_path / "missing.pdf",
        f"BT /F2 11 Tf 60 600 Td <{shown_codes}> Tj ET\n",
        fonts="/F2 6 0 R",
        objects=[
            "<< /Type /Font /Subtype /Type0 /BaseFont /Unheard /Encoding /Identity-H "
            "/DescendantFonts [7 0 R] /ToUnicode 9 0 R >>",
            "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Unheard /DW 500 "
            "/FontDescriptor 8 0 R "
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>",
            "<< /Type /FontDescriptor /FontName /Unheard /Flags 4 /Ascent 800 /Descent -200 "
            "/CapHeight 700 /ItalicAngle 0 /StemV 80 /FontBBox [0 -200 1000 800] >>",
            f"<< /Length {len(table)} >>\nstream\n{table}\nendstream",
        ],
    )
    lines, left_out = left_in(path)
    assert "".join(lines) == BODY and left_out.characters == 0


def test_white_text_that_inverts_what_is_behind_it(tmp_path: Path) -> None:
    path = raw_pdf(
        tmp_path / "inverted.pdf",
        f"1 g 0 0 595 842 re f /Invert gs 1 1 1 rg\n{shown(60, 600, BODY)}",
        resources="/ExtGState << /Invert << /BM /Difference >> >>",
    )
    lines, left_out = left_in(path)
    assert lines == [BODY] and left_out.characters == 0


def test_letters_cut_out_of_a_gradient(tmp_path: Path) -> None:
    path = raw_pdf(
        tmp_path / "gradient.pdf",
        f"q BT 7 Tr /F1 24 Tf 60 600 Td ({BODY}) Tj ET /Sh1 sh Q\n"
        f"q BT 7 Tr /F1 18 Tf 60 400 Td ({PROMPT}) Tj ET Q\n",
        resources="/Shading << /Sh1 << /ShadingType 2 /ColorSpace /DeviceRGB "
        "/Coords [60 600 500 600] /Extend [true true] /Function << /FunctionType 2 "
        "/Domain [0 1] /C0 [1 0 0] /C1 [0 0 1] /N 1 >> >> >>",
    )
    lines, left_out = left_in(path)
    assert lines == [BODY] and left_out._counts == {"render_mode": LENGTH}


def test_smuggled_characters(tmp_path: Path) -> None:
    """Tag characters in the table that says what glyphs mean."""
    hidden = "".join(f"{0xDB40:04x}{0xDC00 + ord(c):04x}" for c in "obey")
    table = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap "
        "1 begincodespacerange <00> <ff> endcodespacerange "
        f"1 beginbfchar\n<41> <0041{hidden}>\nendbfchar endcmap end end"
    )
    path = raw_pdf(
        tmp_path / "tags.pdf",
        "BT /F2 11 Tf 60 600 Td (A) Tj ET\n",
        fonts="/F2 6 0 R",
        objects=[
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 7 0 R >>",
            f"<< /Length {len(table)} >>\nstream\n{table}\nendstream",
        ],
    )
    lines, left_out = left_in(path)
    assert lines == ["A"] and left_out._counts == {"controls": 4}


def test_letters_that_their_own_font_draws_as_nothing(tmp_path: Path) -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    pdfmetrics.registerFont(TTFont("Blank", blank_font()))
    sheet = Sheet()
    sheet.text(100, BODY)
    sheet.canvas.setFont("Blank", 11)
    sheet.canvas.drawString(60, 600, PROMPT)
    assert lines_of(sheet, tmp_path) == ([BODY], {"covered": LENGTH})


def blank_font() -> io.BytesIO:
    """A font whose letters have a width and no outline."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.ttLib.tables._g_l_y_f import Glyph

    names = [".notdef", *(f"g{code}" for code in range(32, 127))]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({code: f"g{code}" for code in range(32, 127)})
    builder.setupGlyf({name: Glyph() for name in names})
    builder.setupHorizontalMetrics({name: (500, 0) for name in names})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Blank", "styleName": "Regular", "psName": "Blank"})
    builder.setupOS2()
    builder.setupPost()
    stream = io.BytesIO()
    builder.save(stream)
    stream.seek(0)
    return stream


def test_fonts_that_say_they_have_no_height(tmp_path: Path) -> None:
    """docling then gives each letter a box without height: no reason to call it unseen."""
    sheet = Sheet()
    sheet.text(100, BODY_ZH)
    sheet.text(140, PROMPT_ZH, colour="#ffffff")
    path = sheet.save(tmp_path / "flat.pdf")
    data = path.read_bytes()
    for name in (b"Ascent", b"Descent"):
        data = re.sub(
            rb"/%s [-\d.]+" % name,
            lambda match: (b"/%s 0" % match[0][1:].split()[0]).ljust(len(match[0])),
            data,
        )
    data = re.sub(
        rb"/FontBBox \[[^\]]*\]", lambda m: b"/FontBBox [0 0 0 0".ljust(len(m[0]) - 1) + b"]", data
    )
    path.write_bytes(data)
    lines, left_out = left_in(path)
    assert "".join(lines) == BODY_ZH and left_out._counts == {"colour": len(PROMPT_ZH)}
