"""The English manual: five pages about turning river water into drinking water."""

from __future__ import annotations

from corpus_figures import hocl_chart, png_bytes
from corpus_pdf import ACCENT, INK, PALE, build_pdf, english_styles, listing, picture, table
from reportlab.graphics.shapes import Drawing, Line, Polygon, Rect, String
from reportlab.lib import colors
from reportlab.lib.units import mm
from reportlab.platypus import (
    BalancedColumns,
    Flowable,
    KeepTogether,
    PageBreak,
    Paragraph,
    Preformatted,
    Spacer,
    Table,
)

CODE = """\
def ct_achieved(residual_mg_l, volume_m3, flow_m3_h, baffling):
    \"\"\"CT in mg*min/L: the residual times the contact time T10.\"\"\"
    detention_min = volume_m3 / flow_m3_h * 60
    t10_min = detention_min * baffling
    return residual_mg_l * t10_min

for flow_m3_h in (200, 300, 400):
    ct = ct_achieved(0.8, 250, flow_m3_h, 0.7)
    print(flow_m3_h, round(ct, 1))

# prints: 200 42.0
#         300 28.0
#         400 21.0"""

INTRODUCTION = [
    "Rivers, lakes and reservoirs carry soil particles, algae, dissolved organic matter and "
    "microorganisms. Conventional treatment removes them in five steps: coagulation, flocculation, "
    "sedimentation, filtration and disinfection. No single step is relied upon. Each is a barrier, "
    "and a weakness of one barrier must be caught by the next.",
    "This manual explains what each step does, which values are usual, and what an operator "
    "checks. It is written for plants that treat surface water. Groundwater that is clear and "
    "free of pathogens is often disinfected only, because the soil has already filtered it.",
]

COAGULATION = [
    "Clay and organic particles in river water are mostly smaller than one micrometre and carry a "
    "negative charge. Because they repel one another, they neither join nor settle. A coagulant "
    "neutralises the charge. The two common groups are aluminium salts, such as alum and "
    "polyaluminium chloride (PAC), and iron salts, such as ferric chloride.",
    "The coagulant must be spread through the whole flow within seconds, since it reacts with "
    "water almost at once. A rapid mixer or an in-line static mixer does this. Too little "
    "coagulant leaves charged particles behind. Too much can give them a positive charge, so "
    "that they repel one another again, and it also wastes money and produces more sludge.",
    "Alum works best at a pH between about 6 and 7. Ferric salts work over a wider range, from "
    "about 5 to 8.5. Both consume alkalinity: each 1 mg/L of alum takes up about 0.5 mg/L of "
    "alkalinity, expressed as calcium carbonate. In soft water lime or soda ash is therefore "
    "added, because otherwise the pH would fall out of the useful range.",
    "The right dose cannot be calculated from turbidity alone. It is found with a jar test, in "
    "which six beakers of raw water receive rising doses, and the beaker with the clearest "
    "settled water shows the dose to use.",
]

SEDIMENTATION = [
    "In the flocculation basin slow paddles bring the neutralised particles into contact, and they "
    "grow into flocs that can be seen with the naked eye. The stirring becomes gentler from one "
    "chamber to the next, because large flocs are torn apart by strong shear.",
    "In the sedimentation basin the water moves slowly enough for the flocs to sink. Settling is "
    "slower in winter: water at 5 °C has a viscosity of 1.52 mPa·s, against 1.00 mPa·s at 20 °C, "
    "and the settling velocity of a small particle is inversely proportional to viscosity. The "
    "same floc therefore sinks about one third more slowly. Operators respond with a lower flow, "
    "a polymer, or PAC, which is less sensitive to cold than alum.",
    "Inclined plates or tubes shorten the path of a sinking floc to a few centimetres. A basin "
    "with such lamellae carries two to four times the flow of an empty basin of the same area.",
]

FILTRATION = [
    "A rapid filter passes 5 to 15 metres of water an hour through a bed of granular media. A "
    "slow sand filter passes only 0.1 to 0.4 metres an hour and cleans the water largely by a "
    "biological layer on its surface, the schmutzdecke. Slow filters need about fifty times the "
    "area of rapid ones, which is why large cities changed to rapid filtration in the twentieth "
    "century.",
    "A dual-media filter has coarse anthracite on top of fine sand. Anthracite is lighter (about "
    "1.5 g/cm<super>3</super>) than quartz sand (2.65 g/cm<super>3</super>), so it stays on top "
    "after each backwash although its grains are larger. Coarse flocs are held in the anthracite "
    "and fine ones in the sand. The whole depth is used, and the filter runs longer than one of "
    "sand alone.",
]

STAGES = [
    ["Stage", "Usual detention or rate", "Check", "Target"],
    ["Rapid mixing", "10 to 60 seconds", "Coagulant dose", "Dose of the latest jar test"],
    ["Flocculation", "20 to 45 minutes", "Floc size, paddle speed", "Flocs of 1 to 2 mm"],
    ["Sedimentation", "1.5 to 4 hours", "Settled turbidity", "Below 2 NTU"],
    ["Rapid filtration", "5 to 15 m/h", "Turbidity of each filter", "Below 0.3 NTU"],
    ["Disinfection", "30 minutes or more", "Free chlorine, pH", "0.5 mg/L or more at a pH below 8"],
]

TERMS = [
    "<b>Turbidity</b> is the cloudiness of water, measured by the light that particles scatter "
    "at a right angle, in nephelometric turbidity units (NTU).",
    "<b>Head loss</b> is the drop in pressure across a filter bed, given as metres of water.",
    "<b>Residual</b> is the disinfectant that is left after the demand of the water has been met.",
]

WASH_SIGNS = [
    "the head loss reaches about 2 metres, because the pores are filled with solids;",
    "the turbidity of the filtered water rises towards 0.3 NTU, because solids break through;",
    "the filter has run for 72 hours, because older deposits turn into mud balls.",
]

WASH_STEPS = [
    "Close the inlet valve and let the water fall to about 15 cm above the media.",
    "Scour with air for 3 to 5 minutes to loosen the deposits.",
    "Wash upwards with clean water until the bed expands by 20 to 30 %.",
    "Go on until the wash water is clear, usually for 5 to 10 minutes.",
    "Filter to waste until the turbidity is below 0.3 NTU, then return the filter to service.",
]

DISINFECTION = [
    "Chlorine gas and sodium hypochlorite both form hypochlorous acid (HOCl) in water. Part of it "
    "splits into hypochlorite ions (OCl<super>-</super>). HOCl is about 80 to 100 times more "
    "effective against <i>Escherichia coli</i> than hypochlorite, because it has no charge and "
    "passes through the cell wall easily. The two are equal at pH 7.54 and 25 °C, the pKa of the "
    "acid. At pH 7.0 some 78 % of the free chlorine is HOCl, at pH 8.0 only 26 %. This is why the "
    "World Health Organization asks for a pH below 8 during contact, with a free chlorine residual "
    "of at least 0.5 mg/L after at least 30 minutes.",
]

CT_TEXT = [
    "The strength of disinfection is measured by CT: the residual concentration C in mg/L times "
    "the contact time T in minutes. T is the time T10, within which the first 10 % of the water "
    "has passed the basin. It equals the detention time multiplied by a baffling factor: 0.1 for "
    "a tank without baffles, 0.3 for poor, 0.5 for average and 0.7 for superior baffling.",
    "Table 2 gives the CT that reduces <i>Giardia</i> cysts by 99.9 % (3 log) under the rules of "
    "the United States Environmental Protection Agency. Cold water needs a higher CT because the "
    "reactions are slower: the value for free chlorine doubles for every fall of 10 °C. Ozone "
    "needs the smallest CT, chloramine by far the largest.",
]

CT_TABLE = [
    ["Water temperature", "Free chlorine", "Chlorine dioxide", "Ozone", "Chloramine"],
    ["5 °C", "149", "26", "1.9", "2,200"],
    ["10 °C", "112", "23", "1.4", "1,850"],
    ["15 °C", "75", "19", "0.95", "1,500"],
    ["20 °C", "56", "15", "0.72", "1,100"],
    ["25 °C", "37", "11", "0.48", "750"],
]

LIMITS = [
    "Free chlorine does not stop <i>Cryptosporidium</i>. Its oocysts, 4 to 6 micrometres across, "
    "have a thick wall and survive the doses that are usual in drinking water. In 1993 they "
    "passed a filtration plant in Milwaukee and made an estimated 403,000 people ill. Plants at "
    "risk therefore add ultraviolet light or membranes; a UV dose of 12 mJ/cm<super>2</super> "
    "earns a 3 log credit.",
    "Chlorine also reacts with organic matter to form trihalomethanes. The limit for their sum "
    "is 80 µg/L in the United States and 100 µg/L in the European Union. Better coagulation "
    "lowers them, because it removes the organic matter before chlorine is added.",
]

FAULTS = [
    ["Symptom", "Likely cause", "Remedy"],
    [
        "Flocs stay small and do not settle",
        "Coagulant dose too low, or too little alkalinity",
        "Repeat the jar test; add lime",
    ],
    [
        "Flocs are large but break up in the basin",
        "Paddles turn too fast",
        "Lower the paddle speed in the last chamber",
    ],
    [
        "Head loss rises within a few hours",
        "Algae clog the surface of the filter",
        "Use coarser anthracite, or microstrainers",
    ],
    [
        "Turbidity peaks after each backwash",
        "Remains of wash water in the bed",
        "Filter to waste for longer",
    ],
    [
        "Chlorine demand rises suddenly",
        "Ammonia or sewage in the raw water",
        "Find the source; raise the dose beyond the breakpoint",
    ],
]


def treatment_train() -> Drawing:
    """Figure 1, in vectors: the five steps in their order, and what is added or taken away."""
    drawing = Drawing(170 * mm, 56 * mm)
    names = ["Coagulation", "Flocculation", "Sedimentation", "Filtration", "Disinfection"]
    above = ["coagulant", "", "", "", "chlorine"]
    below = ["", "", "sludge", "wash water", ""]
    width, gap, bottom, height = 28 * mm, 7.5 * mm, 21 * mm, 15 * mm
    for number, name in enumerate(names):
        left = number * (width + gap)
        middle = left + width / 2
        drawing.add(
            Rect(left, bottom, width, height, rx=4, fillColor=PALE, strokeColor=INK, strokeWidth=1)
        )
        drawing.add(_label(middle, bottom + height / 2 - 3, name, "Helvetica-Bold", 9))
        if number:
            _arrow(drawing, left - gap, bottom + height / 2, left, bottom + height / 2)
        if above[number]:
            drawing.add(_label(middle, bottom + height + 9.5 * mm, above[number], "Helvetica", 9))
            _arrow(drawing, middle, bottom + height + 8 * mm, middle, bottom + height)
        if below[number]:
            drawing.add(_label(middle, bottom - 12 * mm, below[number], "Helvetica", 9))
            _arrow(drawing, middle, bottom, middle, bottom - 8 * mm)
    return drawing


def _label(x: float, y: float, text: str, font: str, size: float) -> String:
    return String(x, y, text, fontName=font, fontSize=size, textAnchor="middle", fillColor=INK)


def _arrow(drawing: Drawing, x0: float, y0: float, x1: float, y1: float) -> None:
    drawing.add(Line(x0, y0, x1, y1, strokeColor=ACCENT, strokeWidth=1.2))
    if x0 == x1:
        back = y1 + 5 if y1 < y0 else y1 - 5
        points = [x1, y1, x1 - 3, back, x1 + 3, back]
    else:
        points = [x1, y1, x1 - 5, y1 - 3, x1 - 5, y1 + 3]
    drawing.add(Polygon(points, fillColor=ACCENT, strokeColor=ACCENT))


def english_manual() -> bytes:
    """The PDF of the manual."""
    styles = english_styles()

    def text(name: str, *paragraphs: str) -> list[Flowable]:
        return [Paragraph(paragraph, styles[name]) for paragraph in paragraphs]

    code = Table([[Preformatted(CODE, styles["code"])]], [170 * mm])
    code.setStyle(
        [
            ("BACKGROUND", (0, 0), (-1, -1), colors.HexColor("#f4f6f8")),
            ("LEFTPADDING", (0, 0), (-1, -1), 8),
        ]
    )
    chart = hocl_chart(
        {
            "title": "Free chlorine present as HOCl at 25 °C",
            "x": "pH",
            "y": "HOCl, % of free chlorine",
            "curve": "HOCl",
            "half": "pH 7.54: half HOCl, half hypochlorite",
        }
    )
    story: list[Flowable] = [
        *text("title", "Conventional Treatment of Surface Water"),
        *text("subtitle", "A manual for operators: from the river to the clear-water tank"),
        *text("h1", "1 Purpose of the steps"),
        *text("body", *INTRODUCTION),
        KeepTogether(
            [
                Spacer(1, 4 * mm),
                treatment_train(),
                *text("caption", "Figure 1. The five steps of conventional treatment."),
            ]
        ),
        *text("h2", "1.1 Usual values"),
        *text(
            "body",
            "Table 1 lists the values that most plants are built for. A plant that works outside "
            "these ranges is not wrong, but its operators should know the reason.",
        ),
        KeepTogether(
            [
                table(STAGES, [30, 42, 40, 58], styles, rules="grid"),
                *text("caption", "Table 1. Stages of treatment with usual values and targets."),
            ]
        ),
        *text("h2", "1.2 Terms"),
        *text("body", *TERMS),
        PageBreak(),
        *text("h1", "2 From raw water to clear water"),
        *text(
            "body",
            "After the screens at the intake the water passes four steps, each preparing the next.",
        ),
        BalancedColumns(
            [
                *text("h2", "2.1 Coagulation"),
                *text("body", *COAGULATION),
                *text("h2", "2.2 Flocculation and sedimentation"),
                *text("body", *SEDIMENTATION),
                *text("h2", "2.3 Filtration"),
                *text("body", *FILTRATION),
            ],
            nCols=2,
            innerPadding=8 * mm,
        ),
        *text("h1", "3 Backwashing a rapid filter"),
        *text("body", "A filter is backwashed when one of these signs appears first:"),
        listing(WASH_SIGNS, styles),
        Spacer(1, 2 * mm),
        *text(
            "body", "The wash itself follows five steps and uses 2 to 5 % of the filtered water:"
        ),
        listing(WASH_STEPS, styles, numbered=True),
        *text("h1", "4 Disinfection"),
        *text("h2", "4.1 Chlorine and pH"),
        *text("body", *DISINFECTION),
        KeepTogether(
            [
                picture(png_bytes(chart, 64), 120),
                *text(
                    "caption", "Figure 2. The share of HOCl falls steeply between pH 6.5 and 8.5."
                ),
            ]
        ),
        *text("h2", "4.2 Contact time"),
        *text("body", *CT_TEXT),
        KeepTogether(
            [
                *text(
                    "caption",
                    "Table 2. CT in mg·min/L for 3 log inactivation of Giardia "
                    "(free chlorine at pH 7 and 1 mg/L).",
                ),
                table(CT_TABLE, [38, 33, 36, 30, 33], styles, rules="none"),
            ]
        ),
        Spacer(1, 3 * mm),
        *text(
            "body",
            "The function below computes the CT of a contact tank of 250 cubic metres with "
            "superior baffling and a residual of 0.8 mg/L. When the flow doubles from 200 to 400 "
            "cubic metres an hour, the CT halves from 42 to 21 mg·min/L.",
        ),
        KeepTogether([code]),
        *text("h2", "4.3 Limits of chlorine"),
        *text("body", *LIMITS),
        *text("h1", "5 Finding faults"),
        *text(
            "body",
            "Turbidity is recorded for each filter every 15 minutes. In the United States the "
            "combined filtered water must stay at or below 0.3 NTU in 95 % of the monthly "
            "samples, and must never exceed 1 NTU. Turbidity matters for health because "
            "particles shield microorganisms from chlorine and from ultraviolet light.",
        ),
        KeepTogether(
            [
                table(FAULTS, [56, 56, 58], styles, rules="grid"),
                *text("caption", "Table 3. Common faults, their causes and remedies."),
            ]
        ),
        *text("h1", "6 Safety"),
        *text(
            "body",
            "Chlorine gas is about two and a half times as heavy as air and collects in low "
            "places, so the extraction openings of a chlorine room lie near the floor. Never mix "
            "hypochlorite with acids or with ferric chloride solution, which is acidic: the "
            "mixture sets chlorine gas free. Sodium hypochlorite loses strength in storage, "
            "faster in warmth and light. It is therefore kept cool and dark, and its strength is "
            "measured before the dose is set.",
        ),
    ]
    return build_pdf(
        story,
        title="Conventional Treatment of Surface Water",
        author="clara-pipeline examples",
        subject="Drinking water treatment",
        header="Operating manual · Conventional treatment",
        footer=lambda page: f"Page {page}",
        font="Helvetica",
    )
