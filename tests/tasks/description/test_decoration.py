"""Pictures that no model is paid for, and the ones beside them that must be described."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from examples.corpus_fonts import raster_font
from tasks.description.decoration import decoration_reason
from tasks.description.engine import PictureContext

NOTHING = PictureContext()
BLUE = (20, 60, 160)


def as_stored(image: Image.Image) -> Image.Image:
    """With the noise that the stored JPEG has."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90, subsampling=0)
    return Image.open(stream).convert("RGB")


def blank(width: int, height: int, colour: str | tuple[int, int, int] = "white") -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def line(width: int = 600, height: int = 14) -> Image.Image:
    image = blank(width, height)
    ImageDraw.Draw(image).line((20, 7, width - 20, 7), fill="black", width=2)
    return image


def dashes() -> Image.Image:
    image = blank(800, 30)
    for x in range(0, 800, 20):
        ImageDraw.Draw(image).line((x, 15, x + 12, 15), fill=BLUE, width=3)
    return image


def dots() -> Image.Image:
    image = blank(800, 30)
    for x in range(0, 800, 14):
        ImageDraw.Draw(image).ellipse((x, 12, x + 5, 17), fill="black")
    return image


def double_line() -> Image.Image:
    image = blank(900, 40)
    ImageDraw.Draw(image).line((0, 10, 900, 10), fill="red", width=5)
    ImageDraw.Draw(image).line((0, 20, 900, 20), fill=BLUE, width=2)
    return image


def gradient(along: bool) -> Image.Image:
    shades = np.linspace(0, 255, 900 if along else 40).astype(np.uint8)
    shape = shades[None, :, None] if along else shades[:, None, None]
    return Image.fromarray(np.broadcast_to(shape, (40, 900, 3)).copy())


def segments() -> Image.Image:
    image = blank(900, 60, BLUE)
    ImageDraw.Draw(image).rectangle((300, 0, 900, 60), fill="orange")
    return image


def strip(text: str, height: int, size: int, colour: str = "black") -> Image.Image:
    image = blank(600, height)
    ImageDraw.Draw(image).text((20, 1), text, font=raster_font(size), fill=colour)
    return image


def axis() -> Image.Image:
    image = blank(800, 40)
    draw = ImageDraw.Draw(image)
    draw.line((0, 5, 800, 5), fill="black")
    for x in range(20, 800, 90):
        draw.line((x, 5, x, 12), fill="black")
        draw.text((x - 8, 14), str(x // 10), font=raster_font(14), fill="black")
    return image


def banner() -> Image.Image:
    image = blank(1200, 90, BLUE)
    text = "Annual report 2024 年度报告"
    ImageDraw.Draw(image).text((60, 25), text, font=raster_font(32), fill="white")
    return image


def spine() -> Image.Image:
    image = blank(60, 600)
    for n, character in enumerate("饮用水消毒操作手册"):
        ImageDraw.Draw(image).text((15, 20 + 50 * n), character, font=raster_font(30), fill="black")
    return image


def scan_of_a_last_line() -> Image.Image:
    image = blank(1600, 2200, (253, 252, 250))
    ImageDraw.Draw(image).text((700, 2100), "— 3 —", font=raster_font(24), fill=(90, 90, 90))
    return image


def sparkline() -> Image.Image:
    image = blank(800, 60)
    heights = 30 + 20 * np.sin(np.arange(80) / 3)
    points = [(10.0 * n, float(height)) for n, height in enumerate(heights)]
    ImageDraw.Draw(image).line(points, fill="black", width=2)
    return image


def formula() -> Image.Image:
    image = blank(60, 20)
    ImageDraw.Draw(image).text((2, 0), "x²+y", font=raster_font(14), fill="black")
    return image


def icon() -> Image.Image:
    image = blank(48, 48)
    ImageDraw.Draw(image).ellipse((4, 4, 44, 44), fill="red")
    return image


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (line(), "line or a bar"),
        (line(2000, 30), "line or a bar"),
        (line().transpose(Image.Transpose.ROTATE_90), "line or a bar"),
        (dashes(), "line or a bar"),
        (dots(), "line or a bar"),
        (double_line(), "line or a bar"),
        (gradient(along=True), "line or a bar"),
        (gradient(along=False), "line or a bar"),
        (segments(), "line or a bar"),
        (blank(900, 60, BLUE), "one colour"),
        (blank(1600, 2200, (253, 252, 250)), "one colour"),
        (icon(), "icon"),
        (blank(20, 20), "one colour"),
    ],
)
def test_decoration_says_which_kind(picture: Image.Image, words: str) -> None:
    for seen in (picture, as_stored(picture)):
        reason = decoration_reason(seen, NOTHING)
        assert reason is not None and reason.reason == "decoration"
        assert words in reason.detail and not reason.retryable
        assert f"{picture.width} x {picture.height}" in reason.detail


@pytest.mark.parametrize(
    "picture",
    [
        axis(),
        banner(),
        spine(),
        scan_of_a_last_line(),
        sparkline(),
        formula(),
        strip("Page 1 of 12", 14, 11),
        strip("图一", 16, 13),
        strip("水厂加药流程", 40, 24),
        strip("Draft copy only", 60, 16, "#d7d7d7"),
        strip("7", 24, 18),
    ],
)
def test_whatever_can_be_read_is_no_decoration(picture: Image.Image) -> None:
    assert decoration_reason(picture, NOTHING) is None
    assert decoration_reason(as_stored(picture), NOTHING) is None


def test_what_has_a_caption_is_a_figure() -> None:
    caption = PictureContext(caption="图 3　流量标尺")
    assert decoration_reason(icon(), caption) is None
    assert decoration_reason(dashes(), caption) is None
    assert decoration_reason(blank(300, 200), caption) is not None  # nothing to be seen in it


def test_what_its_document_repeats_is_decoration() -> None:
    reason = decoration_reason(banner(), PictureContext(repeated=True))
    assert reason is not None and reason.reason == "decoration"
    assert "half of its document's pages" in reason.detail
