"""What stands around pictures, and which of them a document repeats."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from examples.corpus_fonts import raster_font
from tasks.description.context import pictures_in_context
from tasks.pictures import canonical_picture, save_picture
from tasks.records import Block, ExtractedDocument, FoundPicture, Profile
from tasks.storage import Location

LOGO = "aaaaaaaaaaaaaaaa"
FIGURE = "bbbbbbbbbbbbbbbb"


def placed(
    image_id: str,
    page_no: int | None,
    size: tuple[float, float] = (100.0, 40.0),
    caption: str | None = None,
) -> FoundPicture:
    left, top = 60.0 + 10 * (page_no or 0), 30.0
    box = (left, top + size[1], left + size[0], top)
    return FoundPicture(
        image_id=image_id,
        page_no=page_no,
        bbox=box if page_no else None,
        caption=caption,
        width_px=200,
        height_px=80,
    )


def document(
    *pictures: FoundPicture, pages: int | None, text: str = "Pumps move water."
) -> ExtractedDocument:
    blocks = [Block(kind="heading", markdown="# Pumps", level=1)]
    for picture in pictures:
        reference = f"[IMAGE_REF: extracted_assets/{picture.image_id}.jpg]"
        blocks += [
            Block(kind="paragraph", markdown=text),
            Block(kind="picture", markdown=reference),
        ]
    return ExtractedDocument(
        doc_id="0" * 64,
        blocks=tuple(blocks),
        pictures=pictures,
        page_count=pages,
        profile=Profile(name="native"),
    )


def repeated(found: ExtractedDocument, images: Path | None = None) -> set[str]:
    contexts = pictures_in_context(found, Location(images) if images else None)
    return {image_id for image_id, context in contexts.items() if context.repeated}


def test_a_picture_on_half_of_the_pages_is_repeated() -> None:
    logos = [placed(LOGO, page) for page in (1, 3, 5)]
    assert repeated(document(*logos, placed(FIGURE, 2), pages=6)) == {LOGO}


@pytest.mark.parametrize(
    ("pictures", "pages"),
    [
        ([placed(LOGO, 1), placed(LOGO, 2)], 2),  # on two pages only
        ([placed(LOGO, page) for page in (1, 2, 3)], 7),  # on less than half of them
        ([placed(LOGO, 1)] * 5, 3),  # often, but on one page
        ([placed(LOGO, None)] * 5, None),  # a format without pages
        ([placed(LOGO, page, caption="图 1　工艺流程") for page in (1, 2, 3)], 3),
        ([], 0),
    ],
)
def test_pictures_that_are_not_repeated(pictures: list[FoundPicture], pages: int | None) -> None:
    assert repeated(document(*pictures, pages=pages)) == set()


# --- cut out of pages, a pixel more or less each time ----------------------------------------


def logo() -> Image.Image:
    image = Image.new("RGB", (360, 120), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 20, 110, 100), fill=(20, 80, 160))
    draw.text((130, 35), "清泉水务 ACME", font=raster_font(26), fill=(20, 80, 160))
    return image


def card(number: int) -> Image.Image:
    """Product pictures of a catalogue: the same but for the model's number."""
    image = Image.new("RGB", (360, 120), "white")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((15, 10, 345, 110), 12, outline="black", width=2)
    draw.text((40, 35), f"型号 P-{100 + number}", font=raster_font(26), fill="black")
    return image


def cut_out(image: Image.Image, slack: int, folder: Path) -> str:
    """The id of the picture as a layout model might cut it from its page."""
    cut = image.crop((slack, slack // 2, image.width - slack, image.height - slack // 2))
    picture = canonical_picture(cut)
    save_picture(picture, folder)
    return picture.image_id


def on_pages(ids: list[str], **options: object) -> ExtractedDocument:
    pictures = [
        placed(image_id, page, (150.0 + page % 3, 50.0)) for page, image_id in enumerate(ids, 1)
    ]
    return document(*pictures, pages=len(ids))


def test_cuts_of_one_logo_are_repeated(tmp_path: Path) -> None:
    cuts = [cut_out(logo(), slack, tmp_path) for slack in (0, 3, 5, 8)]
    cards = [cut_out(card(n), 2, tmp_path) for n in range(4)]
    assert len(set(cuts)) == 4
    found = on_pages([*cuts, *cards])
    assert repeated(found, tmp_path) == set(cuts)
    assert repeated(found) == set()  # without the pixels nothing shows that they are the same


def test_pictures_of_one_size_that_differ_in_a_digit_are_not(tmp_path: Path) -> None:
    assert repeated(on_pages([cut_out(card(n), 2, tmp_path) for n in range(6)]), tmp_path) == set()


def test_lost_and_plain_pictures_are_left_to_the_describer(tmp_path: Path) -> None:
    plain = [
        cut_out(Image.new("RGB", (360, 120), colour), 0, tmp_path) for colour in ("red", "blue")
    ]
    damaged = cut_out(card(1), 0, tmp_path)
    (tmp_path / f"{damaged}.jpg").write_bytes(b"\xff\xd8\xff")
    assert repeated(on_pages([*plain, damaged, LOGO]), tmp_path) == set()


def test_large_figures_are_never_compared(tmp_path: Path) -> None:
    cuts = [cut_out(logo(), slack, tmp_path) for slack in (0, 3, 5, 8)]
    large = [placed(image_id, page, (400.0, 300.0)) for page, image_id in enumerate(cuts, 1)]
    assert repeated(document(*large, pages=4), tmp_path) == set()


# --- what stands around ----------------------------------------------------------------------


def test_caption_heading_text_and_language() -> None:
    found = document(
        placed(FIGURE, 1, caption="图 2　加药流程"), pages=1, text="原水先加药，再进入沉淀池。"
    )
    context = pictures_in_context(found)[FIGURE]
    assert context.caption == "图 2　加药流程"
    assert context.heading == "Pumps"
    assert context.neighbouring_text == "原水先加药，再进入沉淀池。"
    assert context.language == "zh" and context.filename is None and not context.repeated


@pytest.mark.parametrize(("own", "expected"), [("图 1　加药", "先加药。"), (None, "图 1　加药")])
def test_a_caption_of_nobody_is_neighbouring_text(own: str | None, expected: str) -> None:
    """As in DOCX, where a caption is a paragraph below the picture."""
    found = document(placed(FIGURE, 1, caption=own), pages=1)
    below = (
        Block(kind="caption", markdown="图 1　加药"),
        Block(kind="paragraph", markdown="先加药。"),
    )
    found = found.model_copy(update={"blocks": (found.blocks[-1], *below)})
    assert pictures_in_context(found)[FIGURE].neighbouring_text == expected


@pytest.mark.docling
def test_slides_repeat_a_logo_by_its_id(tmp_path: Path) -> None:
    """As docling reads PPTX: an entry for each place, and one id for one file."""
    pptx = pytest.importorskip("pptx")
    pytest.importorskip("docling")
    from tasks.extraction.options import ExtractionOptions
    from tasks.extraction.worker import extract_file

    logo().save(tmp_path / "logo.png")
    slides = pptx.Presentation()
    for number in range(4):
        slide = slides.slides.add_slide(slides.slide_layouts[5])
        slide.shapes.title.text = f"Pumps, part {number}"
        slide.shapes.add_picture(str(tmp_path / "logo.png"), 6_000_000, 100_000)
    card(1).save(tmp_path / "card.png")
    slide.shapes.add_picture(str(tmp_path / "card.png"), 1_000_000, 3_000_000)
    slides.save(tmp_path / "deck.pptx")
    images = tmp_path / "images"
    found = extract_file(tmp_path / "deck.pptx", "pptx", ExtractionOptions(), images)
    assert len(found.pictures) == 5 and found.page_count == 4
    assert repeated(found, images) == {found.pictures[0].image_id}
