"""Bitmap figures of the example documents, drawn with Pillow at three times their size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from corpus_fonts import raster_font
from PIL import Image, ImageDraw

INK = "#17324d"
BLUE = "#2b6cb0"
PALE = "#e6f0fa"
WHITE = "#ffffff"
GREEN = "#dff3e4"
AMBER = "#fdf0d5"
GREY = "#5f6b7a"

OVERSAMPLING = 3
# Acid constant of hypochlorous acid at 25 degrees Celsius.
PKA_HOCL_25_C = 7.54


def hocl_percent(ph: float) -> float:
    """Share of free chlorine that is hypochlorous acid at 25 °C, in percent."""
    return 100.0 / (1.0 + 10.0 ** (ph - PKA_HOCL_25_C))


@dataclass
class Canvas:
    """A white sheet of `width` x `height` pixels; coordinates are those of the finished picture."""

    width: int
    height: int
    image: Image.Image = field(init=False)
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        size = (self.width * OVERSAMPLING, self.height * OVERSAMPLING)
        self.image = Image.new("RGB", size, WHITE)
        self.draw = ImageDraw.Draw(self.image)

    def _up(self, values: Sequence[float]) -> list[float]:
        return [value * OVERSAMPLING for value in values]

    def rectangle(
        self, box: Sequence[float], fill: str | None, outline: str | None = INK, line: float = 2
    ) -> None:
        self.draw.rectangle(self._up(box), fill, outline, round(line * OVERSAMPLING))

    def rounded(self, box: Sequence[float], fill: str, radius: float = 12) -> None:
        self.draw.rounded_rectangle(
            self._up(box), radius * OVERSAMPLING, fill, INK, 2 * OVERSAMPLING
        )

    def polygon(self, points: Sequence[float], fill: str, outline: str | None = INK) -> None:
        self.draw.polygon(self._up(points), fill, outline, 2 * OVERSAMPLING)

    def circle(self, x: float, y: float, radius: float, fill: str) -> None:
        box = [x - radius, y - radius, x + radius, y + radius]
        self.draw.ellipse(self._up(box), fill, INK, OVERSAMPLING)

    def line(self, points: Sequence[float], colour: str = INK, width: float = 2) -> None:
        self.draw.line(self._up(points), colour, round(width * OVERSAMPLING), joint="curve")

    def arrow(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A straight arrow along one of the axes."""
        self.line([x0, y0, x1, y1])
        size = 9
        if x0 == x1:
            back = y1 - size if y1 > y0 else y1 + size
            self.polygon([x1, y1, x1 - 6, back, x1 + 6, back], INK)
        else:
            back = x1 - size if x1 > x0 else x1 + size
            self.polygon([x1, y1, back, y1 - 6, back, y1 + 6], INK)

    def text(
        self, x: float, y: float, text: str, size: int = 20, colour: str = INK, anchor: str = "mm"
    ) -> None:
        """Lines of text, the middle of the block at (x, y) unless the anchor says otherwise."""
        lines = text.split("\n")
        top = y - size * 1.35 * (len(lines) - 1) / 2
        font = raster_font(size * OVERSAMPLING)
        for number, line in enumerate(lines):
            position = (x * OVERSAMPLING, (top + number * size * 1.35) * OVERSAMPLING)
            self.draw.text(position, line, colour, font, anchor)

    def finish(self) -> Image.Image:
        return self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)


def png_bytes(image: Image.Image, colours: int | None = None) -> bytes:
    """PNG file content; `colours` stores a palette, which is enough for flat graphics."""
    if colours is not None:
        image = image.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def flowchart() -> Image.Image:
    """What an operator does when the free chlorine at the plant outlet is low."""
    sheet = Canvas(1000, 1180)
    sheet.text(500, 48, "Response to a low free chlorine residual", 32)
    sheet.rounded([310, 92, 690, 172], PALE)
    sheet.text(500, 132, "Online analyser reads\nbelow 0.3 mg/L at the outlet", 21)
    sheet.arrow(500, 172, 500, 222)
    sheet.rectangle([310, 222, 690, 302], WHITE)
    sheet.text(500, 262, "Take a grab sample and\nmeasure it with DPD", 21)
    sheet.arrow(500, 302, 500, 352)
    sheet.polygon([500, 352, 720, 447, 500, 542, 280, 447], AMBER)
    sheet.text(500, 447, "DPD result\nbelow 0.3 mg/L?", 21)
    sheet.arrow(720, 447, 790, 447)
    sheet.text(752, 427, "No", 20)
    sheet.rectangle([790, 397, 980, 497], GREEN)
    sheet.text(885, 447, "Clean and\ncalibrate the\nanalyser", 20)
    sheet.arrow(500, 542, 500, 602)
    sheet.text(530, 570, "Yes", 20)
    sheet.rectangle([310, 602, 690, 682], WHITE)
    sheet.text(500, 642, "Raise the chlorine dose\nand check the dosing pump", 21)
    sheet.arrow(500, 682, 500, 732)
    sheet.rectangle([310, 732, 690, 812], WHITE)
    sheet.text(500, 772, "Wait 30 minutes, the minimum\ncontact time, and test again", 21)
    sheet.arrow(500, 812, 500, 862)
    sheet.polygon([500, 862, 720, 957, 500, 1052, 280, 957], AMBER)
    sheet.text(500, 957, "Residual\n0.3 mg/L or more?", 21)
    sheet.arrow(720, 957, 790, 957)
    sheet.text(752, 937, "Yes", 20)
    sheet.rectangle([790, 907, 980, 1007], GREEN)
    sheet.text(885, 957, "Record the\nevent in the\nshift log", 20)
    sheet.arrow(500, 1052, 500, 1092)
    sheet.text(530, 1070, "No", 20)
    sheet.rounded([240, 1092, 760, 1160], "#f8d7da")
    sheet.text(500, 1126, "Call the duty engineer to decide on the supply", 21)
    return sheet.finish()


def hocl_chart(labels: dict[str, str]) -> Image.Image:
    """Share of HOCl against pH at 25 °C. `labels`: title, x, y, curve, half (the pKa mark)."""
    sheet = Canvas(1000, 620)
    left, right, top, bottom = 120, 960, 110, 520
    sheet.text(540, 36, labels["title"], 28)

    def at(ph: float, percent: float) -> tuple[float, float]:
        return (
            left + (ph - 5.0) / 5.0 * (right - left),
            bottom - percent / 100.0 * (bottom - top),
        )

    for percent in range(0, 101, 20):
        y = at(5, percent)[1]
        sheet.line([left, y, right, y], "#d5dde6", 1)
        sheet.text(left - 14, y, str(percent), 20, GREY, "rm")
    for ph in range(5, 11):
        x = at(ph, 0)[0]
        sheet.line([x, top, x, bottom], "#d5dde6", 1)
        sheet.text(x, bottom + 24, str(ph), 20, GREY)
    curve = [
        value for step in range(101) for value in at(5 + step / 20, hocl_percent(5 + step / 20))
    ]
    sheet.line(curve, BLUE, 4)
    x, y = at(PKA_HOCL_25_C, 50)
    sheet.line([x, y, x, bottom], "#c05621", 2)
    sheet.circle(x, y, 7, "#c05621")
    sheet.text(x + 18, y - 14, labels["half"], 21, "#9c4221", "lm")
    x, y = at(5.6, 92)
    sheet.text(x, y, labels["curve"], 21, BLUE, "lm")
    sheet.line([left, bottom, right, bottom], INK, 2)
    sheet.line([left, top, left, bottom], INK, 2)
    sheet.text((left + right) / 2, 584, labels["x"], 22)
    sheet.text(60, 82, labels["y"], 20, INK, "lm")
    return sheet.finish()


def filter_section() -> Image.Image:
    """Section of a dual-media rapid filter, labelled in Chinese."""
    sheet = Canvas(900, 640)
    sheet.text(450, 36, "双层滤料快滤池剖面示意图", 28)
    layers = [
        ("待滤水", "#cfe5f7", 80, 230),
        ("无烟煤层：粒径较粗，密度较小", "#4a5568", 230, 340),
        ("石英砂层：粒径较细，密度较大", "#e6cf9c", 340, 440),
        ("承托层：砾石", "#b7b0a3", 440, 500),
        ("配水系统与清水出口", "#dbe7f0", 500, 560),
    ]
    for name, colour, top, bottom in layers:
        sheet.rectangle([70, top, 470, bottom], colour)
        middle = (top + bottom) / 2
        sheet.line([470, middle, 510, middle], GREY, 2)
        sheet.text(520, middle, name, 22, INK, "lm")
    for x, y in ((110, 262), (170, 300), (240, 255), (310, 305), (370, 268), (430, 310)):
        sheet.circle(x, y, 9, "#2d3748")
    sheet.arrow(270, 96, 270, 200)
    sheet.text(330, 148, "过滤方向", 20)
    sheet.arrow(30, 560, 30, 240)
    sheet.text(150, 600, "左侧箭头：反冲洗水流方向", 20)
    return sheet.finish()


def dpd_scale() -> Image.Image:
    """The colour scale of the DPD test: the pink deepens with the chlorine."""
    sheet = Canvas(520, 150)
    steps = [("0.05", "#fbeef3"), ("0.3", "#f4c6d7"), ("0.5", "#ec9dbb"), ("1.0", "#dd5f92")]
    for number, (label, colour) in enumerate(steps):
        left = 10 + number * 128
        sheet.rectangle([left, 10, left + 112, 96], colour)
        sheet.text(left + 56, 122, f"{label} mg/L", 20)
    return sheet.finish()
