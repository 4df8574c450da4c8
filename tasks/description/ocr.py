"""The embedded describer: the text of a picture, its size, and what its colours tell.

RapidOCR reads Chinese and English with the models inside its wheel, on the CPU, with nothing
configured. It claims nothing else: no kinds of charts, no trends, no arrows.
"""

from __future__ import annotations

import importlib.util
import math
from functools import cached_property
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from tasks.description.appearance import Appearance, appearance_of
from tasks.description.engine import PictureContext
from tasks.description.reading_order import Line, text_blocks
from tasks.errors import EngineUnavailable
from tasks.records import Describer
from tasks.text import count_han, han_share

STEP_VERSION = 1
"""Raised when the words of a description change for the same picture."""

_MODEL = "PP-OCRv6 small"
_DETECTOR, _RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
# Lines below these scores are noise: texture taken for text. Short ones need to be surer, and
# upright ones, too: the label of an axis is read from the wrong side as often as not.
_SCORE_MIN, _SHORT_SCORE_MIN, _UPRIGHT_SCORE_MIN = 0.6, 0.75, 0.85
_SHORT_CHARACTERS, _UPRIGHT_RATIO = 2, 1.5
# Detection looks at 1280 pixels; small print of small pictures is found at twice the size.
_DETECTION_SIDE_PX, _SMALL_SIDE_PX = 1280, 1000
_STOPS = ".!?:;。！？：；…"

_ENGLISH: dict[Appearance, str] = {
    "plain": "The picture is an area of one colour, {size} pixels.",
    "flat": "The picture is a flat graphic of {size} pixels.",
    "photo": "The picture has many shades of colour, as a photograph has, and {size} pixels.",
    "unclear": "The picture has {size} pixels.",
}
_CHINESE: dict[Appearance, str] = {
    "plain": "这幅图片只有一种颜色，大小为{size}像素。",
    "flat": "这幅图片是平面图形，大小为{size}像素。",
    "photo": "这幅图片色彩层次丰富，近似照片，大小为{size}像素。",
    "unclear": "这幅图片的大小为{size}像素。",
}


class OcrDescriber:
    """Describes one picture at a time; the models are loaded at the first, in about a second.

    Its answer depends on the picture, and on caption and language of the context. Raises
    EngineUnavailable where RapidOCR's models are missing; it never downloads them.
    """

    def __init__(self) -> None:
        self._models = _models_folder()

    @property
    def describer(self) -> Describer:
        return Describer(engine="ocr", model=_MODEL)

    @property
    def cache_identity(self) -> str:
        return f"ocr/{STEP_VERSION}/{_MODEL}/rapidocr-{version('rapidocr')}"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"caption", "language"})

    def describe(self, path: Path, context: PictureContext) -> str:
        """Sentences in the language of the picture's text, else in the context's.

        Raises FileRejected where the picture cannot be opened.
        """
        from tasks.pictures import open_picture, to_rgb

        rgb = to_rgb(open_picture(path))
        size = f"{rgb.width} x {rgb.height}"
        blocks = text_blocks(self._lines(rgb))
        return compose(blocks, appearance_of(rgb), size, context)

    def _lines(self, rgb: Any) -> list[Line]:
        import numpy as np
        from PIL import Image

        factor = 2 if max(rgb.size) < _SMALL_SIDE_PX else 1
        if factor > 1:
            rgb = rgb.resize((rgb.width * 2, rgb.height * 2), Image.Resampling.BICUBIC)
        found = self._engine(np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1]))
        if found.boxes is None or found.txts is None:
            return []
        lines = []
        for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
            left, top = (float(value) / factor for value in corners.min(axis=0))
            right, bottom = (float(value) / factor for value in corners.max(axis=0))
            line = Line(" ".join(text.split()), left, top, right, bottom)
            if float(score) >= _needed_score(line):
                lines.append(line)
        return lines

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        # Model files are named: RapidOCR would try to download one that it has not.
        # One thread, always: sums in another order could turn a doubtful character.
        return RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.use_cls": False,  # it garbles long lines of slightly skewed pages
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Det.model_path": str(self._models / _DETECTOR),
                "Det.limit_type": "max",
                "Det.limit_side_len": _DETECTION_SIDE_PX,
                "Rec.model_path": str(self._models / _RECOGNISER),
            }
        )


def compose(blocks: list[str], appearance: Appearance, size: str, context: PictureContext) -> str:
    """The description: caption, what kind of picture, its text. One line, plain sentences."""
    text = " ".join(blocks)
    caption = " ".join((context.caption or "").split())
    if text:
        chinese = _is_chinese(text)
    else:
        chinese = context.language == "zh" or (
            context.language != "en" and bool(caption) and _is_chinese(caption)
        )
    kinds, semicolon, space = (_CHINESE, "；", "") if chinese else (_ENGLISH, "; ", " ")
    if appearance == "plain" and text:
        appearance = "unclear"
    parts = []
    if caption:
        parts.append(f"图片标题：“{caption}”。" if chinese else f"Picture titled “{caption}”.")
    parts.append(kinds[appearance].format(size=size))
    if blocks:
        intro = "图中文字按阅读顺序为：" if chinese else "Text in it, in reading order: "
        joined = blocks[0]
        for before, block in pairwise(blocks):
            joined += (space if before[-1] in _STOPS else semicolon) + block
        if joined[-1] not in _STOPS:
            joined += "。" if chinese else "."
        parts.append(intro + joined)
    return space.join(parts)


def _is_chinese(text: str) -> bool:
    return count_han(text) > 0 and han_share(text) >= 0.3


def _needed_score(line: Line) -> float:
    characters = sum(character.isalnum() for character in line.text)
    if characters == 0:
        return math.inf
    if characters <= _SHORT_CHARACTERS:
        return _SHORT_SCORE_MIN
    upright = line.height > _UPRIGHT_RATIO * (line.right - line.left)
    return _UPRIGHT_SCORE_MIN if upright else _SCORE_MIN


def _models_folder() -> Path:
    """Raises EngineUnavailable where RapidOCR or one of its models is missing."""
    package = importlib.util.find_spec("rapidocr")
    folder = Path(package.origin).parent / "models" if package and package.origin else None
    for name in (_DETECTOR, _RECOGNISER):
        if folder is None or not (folder / name).is_file():
            raise EngineUnavailable(
                f"The describer 'ocr' needs RapidOCR's model file {name}, which its wheel brings: "
                "install rapidocr 3.10 again, or choose another describer."
            )
    assert folder is not None
    return folder
