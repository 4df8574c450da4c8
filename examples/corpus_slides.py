"""The presentation: membranes, ozone and ultraviolet light as barriers, with speaker notes."""

from __future__ import annotations

import io
from typing import Any

from corpus_office import same_bytes_every_time, set_properties

TITLE = "Barriers Against Pathogens"

WHY = [
    "Cryptosporidium oocysts are 4 to 6 µm across and resist free chlorine.",
    "In 1993 an estimated 403,000 people fell ill in Milwaukee because oocysts passed the filters.",
    "Membranes hold oocysts back by size; ultraviolet light makes them unable to multiply.",
    "Chlorine remains necessary, because only it protects the water in the mains.",
]

MEMBRANES = [
    ["Membrane", "Pore size", "Pressure", "Holds back"],
    ["Microfiltration", "about 0.1 µm", "0.1 to 2 bar", "particles, protozoa and most bacteria"],
    ["Ultrafiltration", "about 0.01 µm", "1 to 5 bar", "protozoa, bacteria and viruses"],
    [
        "Nanofiltration",
        "about 0.001 µm",
        "5 to 20 bar",
        "viruses, hardness, large organic molecules",
    ],
    ["Reverse osmosis", "no fixed pores", "10 to 100 bar", "all of these, and dissolved salts"],
]

LOG_CREDITS = ("1 log (90 %)", "2 log (99 %)", "3 log (99.9 %)", "4 log (99.99 %)")
UV_DOSES = {
    "Cryptosporidium": (2.5, 5.8, 12, 22),
    "Giardia": (2.1, 5.2, 11, 22),
    "Viruses": (58, 100, 143, 186),
}

OZONE = [
    "Nice in France began to treat its drinking water with ozone in 1906.",
    "Ozone needs a CT of only 1.4 mg·min/L for 3 log of Giardia at 10 °C; free chlorine needs 112.",
    "It removes tastes and odours, because it breaks up 2-methylisoborneol and geosmin.",
    "It turns bromide into bromate, for which the limit is 10 µg/L in China, Europe and the "
    "United States.",
]

NOTES = [
    "Welcome. The talk compares three barriers that supplement chlorine: membranes, ozone and "
    "ultraviolet light. Questions are welcome at any time.",
    "Stress that Milwaukee used conventional treatment with rapid filters. The outbreak led to "
    "stricter turbidity limits in the United States.",
    "The finer the membrane, the higher the pressure that it needs, and the more energy. Reverse "
    "osmosis was made practical by Sidney Loeb and Srinivasa Sourirajan at UCLA around 1960; the "
    "first municipal plant started in Coalinga, California, in 1965.",
    "The doses come from the Long Term 2 rule of 2006. Viruses need far more light than "
    "Cryptosporidium: adenovirus repairs its DNA in the host cell, and it sets the value of 186 "
    "mJ/cm² for 4 log.",
    "Ozone decays within minutes to half an hour, so it leaves no residual. Plants dose a little "
    "chlorine or chloramine afterwards.",
    "Read the diagram from left to right. The order matters: ultraviolet light comes after the "
    "membrane because turbid water would absorb it.",
]

STEPS = [
    ("Coagulation", "charge neutralised"),
    ("Ultrafiltration", "0.01 µm"),
    ("UV reactor", "40 mJ/cm²"),
    ("Contact tank", "free chlorine"),
]


def slides() -> bytes:
    """PPTX of six slides: bullets, a table, a native chart, a grouped diagram, notes on each."""
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    set_properties(deck.core_properties, TITLE, "en-US")
    _title_slide(deck)
    _bullets(deck, "Why chlorine alone is not enough", WHY)
    _table(deck)
    _chart(deck)
    _bullets(deck, "Ozone", OZONE)
    _diagram(deck)
    for slide, note in zip(deck.slides, NOTES, strict=True):
        slide.notes_slide.notes_text_frame.text = note
    buffer = io.BytesIO()
    deck.save(buffer)
    return same_bytes_every_time(buffer.getvalue())


def _ink() -> Any:
    from pptx.dml.color import RGBColor

    return RGBColor(0x17, 0x32, 0x4D)


def _titled(deck: Any, title: str) -> Any:
    """A new slide of the layout "Title Only"."""
    from pptx.util import Inches, Pt

    slide = deck.slides.add_slide(deck.slide_layouts[5])
    shape = slide.shapes.title
    shape.left, shape.top = Inches(0.8), Inches(0.5)
    shape.width, shape.height = Inches(11.7), Inches(1.0)
    shape.text_frame.text = title
    _left(shape.text_frame.paragraphs[0], Pt(34))
    return slide


def _left(paragraph: Any, size: Any) -> None:
    from pptx.enum.text import PP_ALIGN

    paragraph.alignment = PP_ALIGN.LEFT
    paragraph.font.size = size
    paragraph.font.bold = True
    paragraph.font.color.rgb = _ink()


def _title_slide(deck: Any) -> None:
    from pptx.util import Inches, Pt

    slide = deck.slides.add_slide(deck.slide_layouts[0])
    title, subtitle = slide.placeholders[0], slide.placeholders[1]
    for shape, top, height in ((title, 2.3, 1.2), (subtitle, 3.7, 1.0)):
        shape.left, shape.width = Inches(0.8), Inches(11.7)
        shape.top, shape.height = Inches(top), Inches(height)
    title.text_frame.text = TITLE
    _left(title.text_frame.paragraphs[0], Pt(46))
    subtitle.text_frame.text = "Membranes, ozone and ultraviolet light in drinking water treatment"
    _left(subtitle.text_frame.paragraphs[0], Pt(22))
    subtitle.text_frame.paragraphs[0].font.bold = False


def _bullets(deck: Any, title: str, points: list[str]) -> None:
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Inches, Pt

    slide = deck.slides.add_slide(deck.slide_layouts[1])
    head, body = slide.placeholders[0], slide.placeholders[1]
    head.left, head.top, head.width, head.height = (Inches(v) for v in (0.8, 0.5, 11.7, 1.0))
    head.text_frame.text = title
    _left(head.text_frame.paragraphs[0], Pt(34))
    body.left, body.top, body.width, body.height = (Inches(v) for v in (0.8, 1.8, 11.7, 4.8))
    for number, point in enumerate(points):
        frame = body.text_frame
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.text = point
        paragraph.alignment = PP_ALIGN.LEFT
        paragraph.font.size = Pt(24)
        paragraph.space_after = Pt(12)


def _table(deck: Any) -> None:
    from pptx.util import Inches, Pt

    slide = _titled(deck, "Four kinds of membrane")
    frame = slide.shapes.add_table(
        len(MEMBRANES), 4, Inches(0.8), Inches(1.9), Inches(11.7), Inches(3.6)
    )
    for column, width in enumerate((2.6, 2.3, 2.2, 4.6)):
        frame.table.columns[column].width = Inches(width)
    for number, row in enumerate(MEMBRANES):
        for column, text in enumerate(row):
            cell = frame.table.cell(number, column)
            cell.text = text
            cell.text_frame.paragraphs[0].font.size = Pt(20)


def _chart(deck: Any) -> None:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
    from pptx.util import Inches, Pt

    slide = _titled(deck, "UV dose for each log of inactivation")
    data = CategoryChartData()
    data.categories = LOG_CREDITS
    for name, doses in UV_DOSES.items():
        data.add_series(name, doses)
    chart = slide.shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(0.8), Inches(1.6), Inches(11.7), Inches(5.4), data
    ).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Required UV dose, mJ/cm²"
    chart.chart_title.text_frame.paragraphs[0].font.size = Pt(18)
    chart.has_legend = True
    chart.legend.position = XL_LEGEND_POSITION.BOTTOM
    chart.legend.include_in_layout = False
    chart.plots[0].has_data_labels = True
    chart.plots[0].data_labels.font.size = Pt(13)


def _diagram(deck: Any) -> None:
    """Boxes and arrows in one group, as people draw them, with the text inside the shapes."""
    from pptx.dml.color import RGBColor
    from pptx.enum.shapes import MSO_SHAPE
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Inches, Pt

    slide = _titled(deck, "A multi-barrier plant")
    group = slide.shapes.add_group_shape()
    for number, (name, detail) in enumerate(STEPS):
        left = 0.8 + number * 3.05
        box = group.shapes.add_shape(
            MSO_SHAPE.ROUNDED_RECTANGLE, Inches(left), Inches(2.7), Inches(2.4), Inches(1.5)
        )
        box.fill.solid()
        box.fill.fore_color.rgb = RGBColor(0xE6, 0xF0, 0xFA)
        box.line.color.rgb = _ink()
        box.text_frame.margin_left = box.text_frame.margin_right = 0
        box.text_frame.text = name
        box.text_frame.add_paragraph().text = detail
        for paragraph, size, bold in zip(
            box.text_frame.paragraphs, (18, 16), (True, False), strict=True
        ):
            paragraph.alignment = PP_ALIGN.CENTER
            paragraph.font.size, paragraph.font.bold = Pt(size), bold
            paragraph.font.color.rgb = _ink()
        if number + 1 < len(STEPS):
            arrow = group.shapes.add_shape(
                MSO_SHAPE.RIGHT_ARROW, Inches(left + 2.47), Inches(3.3), Inches(0.52), Inches(0.3)
            )
            arrow.fill.solid()
            arrow.fill.fore_color.rgb = RGBColor(0x2B, 0x6C, 0xB0)
            arrow.line.fill.background()
    caption = slide.shapes.add_textbox(Inches(0.8), Inches(4.8), Inches(11.7), Inches(1.2))
    caption.text_frame.word_wrap = True
    caption.text_frame.text = (
        "Every pathogen meets at least two barriers: ultrafiltration and UV for Cryptosporidium, "
        "ultrafiltration and chlorine for viruses."
    )
    caption.text_frame.paragraphs[0].font.size = Pt(20)
