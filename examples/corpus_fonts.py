"""The fonts of the example documents: Noto Sans SC and Noto Serif SC (SIL Open Font License 1.1).

They come from the Python package `pylopdf-fonts-zh-cn`, so that everyone who makes the documents
has the same outlines and gets the same bytes. The files there hold PostScript (CFF) outlines,
which reportlab cannot embed, so the glyphs that the corpus uses are converted to TrueType first.
"""

from __future__ import annotations

import importlib.util
import io
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

PACKAGE = "pylopdf_fonts_zh_cn"
FILES = {"NotoSansSC": "NotoSansSC-Regular.otf", "NotoSerifSC": "NotoSerifSC-Regular.otf"}

SANS = "NotoSansSC"
SERIF = "NotoSerifSC"


class FontMissing(Exception):
    """The package that carries the fonts is not installed."""


def font_file(name: str) -> Path:
    """The OpenType file of the font `name`; FontMissing says how to get it."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / FILES[name]
        if path.is_file():
            return path
    raise FontMissing(
        f"The font {FILES[name]} was not found: install the package pylopdf-fonts-zh-cn "
        "(it is in the dev group: `uv sync`, or `pip install pylopdf-fonts-zh-cn`)."
    )


@lru_cache(maxsize=64)
def raster_font(size_px: int, name: str = SANS) -> ImageFont.FreeTypeFont:
    """A font for drawing on bitmaps. The basic layout engine is in every build of Pillow."""
    return ImageFont.truetype(str(font_file(name)), size_px, layout_engine=ImageFont.Layout.BASIC)


def register_pdf_fonts() -> None:
    """Make both fonts known to reportlab, which then embeds a subset in each PDF."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    characters = characters_of_the_corpus()
    for name in FILES:
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, _as_truetype(font_file(name), characters)))


def characters_of_the_corpus() -> str:
    """Every character that a text of the corpus can hold: those of the modules beside this one."""
    modules = sorted(Path(__file__).resolve().parent.glob("*.py"))
    characters = set("".join(module.read_text(encoding="utf-8") for module in modules))
    return "".join(sorted(characters - set("\n\t\r")))


def _as_truetype(path: Path, characters: str) -> io.BytesIO:
    """A TrueType font with the glyphs of `characters`, cubic curves turned into quadratic ones."""
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont, newTable

    font = TTFont(path, recalcTimestamp=False)
    options = Options()
    options.layout_features = []
    options.drop_tables += ["GPOS", "GSUB", "GDEF", "BASE", "VORG", "vhea", "vmtx", "DSIG"]
    options.hinting = False
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)

    outlines = font.getGlyphSet()
    names = font.getGlyphOrder()
    glyf = newTable("glyf")
    glyf.glyphOrder = names
    glyf.glyphs = {}
    for glyph_name in names:
        pen = TTGlyphPen(None)
        # A thousandth of the em is the error that nobody can see in print.
        outlines[glyph_name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        glyf.glyphs[glyph_name] = pen.glyph()
    font["glyf"] = glyf
    font["loca"] = newTable("loca")
    for glyph_name in names:
        outline = glyf.glyphs[glyph_name]
        outline.recalcBounds(glyf)
        advance, _ = font["hmtx"][glyph_name]
        font["hmtx"][glyph_name] = (advance, getattr(outline, "xMin", 0))
    del font["CFF "]
    font["head"].glyphDataFormat = 0
    font["maxp"] = _maximum_profile(len(names))
    font["post"].formatType = 3.0
    font.sfntVersion = "\x00\x01\x00\x00"
    data = io.BytesIO()
    font.save(data)
    data.seek(0)
    return data


def _maximum_profile(glyph_count: int):  # type: ignore[no-untyped-def]
    """The `maxp` table of a TrueType font without instructions; saving fills in the maxima."""
    from fontTools.ttLib import newTable

    table = newTable("maxp")
    table.tableVersion = 0x00010000
    table.numGlyphs = glyph_count
    table.maxZones = 1
    for field in (
        "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs",
        "maxStackElements", "maxSizeOfInstructions", "maxPoints", "maxContours",
        "maxCompositePoints", "maxCompositeContours", "maxComponentElements", "maxComponentDepth",
    ):  # fmt: skip
        setattr(table, field, 0)
    return table
