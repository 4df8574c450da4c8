"""Decoding of the layout model's outputs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("docling")

from tasks.extraction.layout_cdla import (
    BINS,
    INPUT_HEIGHT,
    INPUT_WIDTH,
    STRIDES,
    decode,
    preprocess,
)
from tasks.extraction.ocr_pages import unreadable_share


def outputs() -> list[np.ndarray]:
    cells = [-(-INPUT_WIDTH // s) * -(-INPUT_HEIGHT // s) for s in STRIDES]
    return [np.zeros((1, n, 10), np.float32) for n in cells] + [
        np.zeros((1, n, 4 * BINS), np.float32) for n in cells
    ]


def test_a_page_becomes_the_models_input() -> None:
    pixels = preprocess(Image.new("L", (100, 50), 255))
    assert pixels.shape == (1, 3, 800, 608) and pixels.dtype == np.float32
    assert pixels[0, :, 0, 0] == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)


def test_distances_are_expectations_in_strides_from_the_cells_centre() -> None:
    out = outputs()
    level, row, column = 2, 10, 4  # stride 32, 19 cells a row
    cell = row * 19 + column
    out[level][0, cell, 4] = 0.9
    sides = out[level + 4][0, cell].reshape(4, BINS)
    for side, strides in enumerate((2, 1, 3, 4)):
        sides[side, strides] = 50.0
    (found,) = decode(out)
    assert found.label == 4 and found.score == pytest.approx(0.9)
    assert found.box == pytest.approx([144 - 64, 336 - 32, 144 + 96, 336 + 128], abs=1e-3)


def test_of_boxes_that_coincide_the_best_stays() -> None:
    out = outputs()
    for cell, score in ((204, 0.6), (205, 0.8)):
        out[1][0, cell, 0] = score
        out[5][0, cell].reshape(4, BINS)[:, 7] = 50.0
    out[1][0, 900, 0] = 0.7
    out[5][0, 900].reshape(4, BINS)[:, 1] = 50.0
    assert [found.score for found in decode(out)] == pytest.approx([0.8, 0.7])
    assert decode(outputs()) == []


@pytest.mark.parametrize(
    ("text", "unreadable"),
    [
        ("plain text", False),
        ("(cid:12)(cid:7)(cid:9) ab", True),
        ("\ue000\ue001 text of some length", True),
        ("one \ufffd in a line that is long enough to be read all the same", False),
        ("", False),
    ],
)
def test_unreadable_text_layers(text: str, unreadable: bool) -> None:
    assert (unreadable_share(text) > 0.05) is unreadable
