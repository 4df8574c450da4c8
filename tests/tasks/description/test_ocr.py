"""The embedded describer: sentences in the right language, and nothing that it cannot see."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from examples.corpus_fonts import raster_font
from tasks.description import ocr
from tasks.description.engine import PictureContext
from tasks.description.ocr import OcrDescriber, compose
from tasks.errors import EngineUnavailable, FileRejected
from tasks.pictures import canonical_picture, save_picture


@pytest.fixture(scope="module")
def describer() -> OcrDescriber:
    return OcrDescriber()


def stored(labels: dict[str, tuple[int, int]], folder: Path) -> Path:
    """A drawing with boxes around labels, as the pipeline stores it."""
    image = Image.new("RGB", (640, 240), "white")
    draw = ImageDraw.Draw(image)
    for text, (left, top) in labels.items():
        draw.rectangle((left - 15, top - 15, left + 235, top + 55), outline="black", width=2)
        draw.text((left, top), text, font=raster_font(30), fill="black")
    return save_picture(canonical_picture(image), folder)


def test_english_drawing(describer: OcrDescriber, tmp_path: Path) -> None:
    path = stored(
        {"Raw water": (40, 40), "Filter bed": (360, 40), "Clear well": (40, 150)}, tmp_path
    )
    context = PictureContext(caption="Figure 2: Treatment", language="zh")
    text = describer.describe(path, context)
    assert text == (
        "Picture titled “Figure 2: Treatment”. The picture is a flat graphic of 640 x 240 pixels. "
        "Text in it, in reading order: Raw water; Filter bed; Clear well."
    )
    assert describer.describe(path, context) == text
    assert OcrDescriber().describe(path, context) == text


def test_chinese_drawing(describer: OcrDescriber, tmp_path: Path) -> None:
    path = stored({"原水取样": (40, 40), "沉淀过滤": (360, 40), "加氯消毒": (40, 150)}, tmp_path)
    assert describer.describe(path, PictureContext(language="en")) == (
        "这幅图片是平面图形，大小为640 x 240像素。"
        "图中文字按阅读顺序为：原水取样；沉淀过滤；加氯消毒。"
    )


def test_picture_without_text(describer: OcrDescriber, tmp_path: Path) -> None:
    path = stored({}, tmp_path)
    assert describer.describe(path, PictureContext(language="zh")) == (
        "这幅图片只有一种颜色，大小为640 x 240像素。"
    )
    assert describer.describe(path, PictureContext()) == (
        "The picture is an area of one colour, 640 x 240 pixels."
    )


def test_damaged_picture_is_rejected(describer: OcrDescriber, tmp_path: Path) -> None:
    path = stored({"Raw water": (40, 40)}, tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(FileRejected) as caught:
        describer.describe(path, PictureContext())
    assert caught.value.reason == "image_truncated"


def test_missing_models_are_named_before_anything_is_described(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ocr, "_RECOGNISER", "gone.onnx")
    with pytest.raises(EngineUnavailable, match=r"gone\.onnx.*install rapidocr"):
        OcrDescriber()


def test_identity_names_engine_model_and_version(describer: OcrDescriber) -> None:
    assert describer.describer.engine == "ocr"
    assert "PP-OCRv6" in describer.cache_identity and "rapidocr-" in describer.cache_identity


@pytest.mark.parametrize(
    ("language", "caption", "expected"),
    [
        ("zh", None, "这幅图片的大小为20 x 30像素。"),
        ("en", "图一", "Picture titled “图一”. The picture has 20 x 30 pixels."),
        ("mixed", "图一", "图片标题：“图一”。这幅图片的大小为20 x 30像素。"),
        ("other", "  Two\n lines ", "Picture titled “Two lines”. The picture has 20 x 30 pixels."),
    ],
)
def test_language_without_text_is_the_documents(language, caption, expected) -> None:  # type: ignore[no-untyped-def]
    context = PictureContext(language=language, caption=caption)
    assert compose([], "unclear", "20 x 30", context) == expected


def test_stops_are_not_doubled() -> None:
    text = compose(["Is it clear?", "Yes", "Done."], "unclear", "9 x 9", PictureContext())
    assert text.endswith(": Is it clear? Yes; Done.")
