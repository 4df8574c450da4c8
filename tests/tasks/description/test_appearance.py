"""What the colours of a picture tell, and that nothing is claimed in between."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from tasks.description.appearance import appearance_of


def photo_like() -> Image.Image:
    """Smooth shades with the grain of a camera."""
    y, x = np.mgrid[0:300, 0:400]
    shades = np.stack([128 + 100 * np.sin(x / 30), 128 + 90 * np.cos(y / 25), (x + y) / 3], -1)
    grain = np.random.default_rng(0).normal(0, 12, shades.shape)
    return Image.fromarray((shades + grain).clip(0, 255).astype(np.uint8))


def drawing() -> Image.Image:
    image = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(image)
    for n in range(4):
        draw.rectangle((20 + 95 * n, 100, 90 + 95 * n, 160), fill=(200, 220, 250), outline="black")
    return image


def as_jpeg(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=60)
    return Image.open(stream).convert("RGB")


def test_drawing_photograph_and_plain() -> None:
    assert appearance_of(drawing()) == "flat"
    assert appearance_of(as_jpeg(drawing())) == "flat"
    assert appearance_of(photo_like()) == "photo"
    assert appearance_of(as_jpeg(photo_like())) == "photo"
    assert appearance_of(Image.new("RGB", (50, 50), (250, 250, 249))) == "plain"


def test_half_a_photograph_on_a_page_is_neither() -> None:
    page = Image.new("RGB", (400, 600), "white")
    page.paste(photo_like(), (0, 300))
    assert appearance_of(page) == "unclear"
